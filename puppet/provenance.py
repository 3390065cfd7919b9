"""The statement in a file's metadata that its pictures are synthetic, in words and in IPTC's term for it.

    mp4, mov, GIF    a comment
    PNG              a comment, and an XMP packet with the digital source type

It is not signed: it says what a file is to who wants to know, and proves nothing.
Source: IPTC, "Digital Source Type" NewsCodes, https://cv.iptc.org/newscodes/digitalsourcetype/
"""

from __future__ import annotations

from PIL.PngImagePlugin import PngInfo

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for what a trained model made."""

STATEMENT = f"AI-generated: made with puppet, not filmed. {SOURCE_TYPE}"
"""What stands in comments."""

_TERM = SOURCE_TYPE.rpartition("/")[2]

_XMP = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def png_statement() -> PngInfo:
    """What a PNG file carries."""
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", _XMP)
    info.add_itxt("Comment", STATEMENT)
    return info


def states(texts: list[str]) -> bool:
    """Whether any text of a file's metadata says that a trained model made it, whichever program wrote that."""
    return any(_TERM in text for text in texts)
