import json
import math

from export.table_measures import Estimate
from export.tables import Row, Table, as_json, markdown, paper_row

NOTHING = float("nan")
OURS = Row("ours", {"CSIM": Estimate(0.5, 0.4, 0.64, 200), "Pose": Estimate(NOTHING, NOTHING, NOTHING, 0)}, "150")
TABLE = Table("Table 9", ("CSIM", "Pose", "Exp"), [OURS, paper_row("paper", CSIM=0.66, Pose=1.1)], ["A note."])


def test_markdown_has_intervals_where_they_are_known_and_dashes_where_nothing_is() -> None:
    lines = markdown(TABLE).splitlines()
    assert lines[0] == "**Table 9**"
    assert lines[4] == "| ours | 150 | 0.50 ± 0.12 | – | – |"
    assert lines[5] == "| paper |  | 0.66 | 1.1 | – |"
    assert lines[-1] == "A note."


def test_json_has_null_for_what_is_not_known() -> None:
    values = json.loads(json.dumps(as_json(TABLE), allow_nan=False))
    ours, paper = values["rows"]
    assert ours["measures"]["CSIM"] == {"value": 0.5, "low": 0.4, "high": 0.64, "identities": 200}
    assert ours["measures"]["Pose"]["value"] is None
    assert paper["paper"]
    assert paper["measures"]["CSIM"]["low"] is None
    assert math.isclose(paper["measures"]["Pose"]["value"], 1.1)
