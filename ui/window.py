"""The window: where everything is, and which key does what. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from PyQt6.QtCore import QMimeData, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from puppet.state import State
from puppet.stills import ENDINGS
from ui.about import About
from ui.panels.backdrop import BackdropPanel
from ui.panels.camera import CameraPanel
from ui.panels.enrolment_bar import EnrolmentBar
from ui.panels.gains import GainsPanel
from ui.panels.gallery import KEYS, Gallery
from ui.panels.mark import MarkPanel
from ui.panels.notice import Notice
from ui.panels.numbers import NumbersPanel
from ui.panels.pose import PosePanel
from ui.panels.transport import Transport
from ui.panels.trial import Trial
from ui.preview import Badge, Preview
from ui.session import Phase, Standing

SIDE_WIDTH_PX = 300
MARGIN_PX = 18
COMFORTABLE = QSize(1240, 780)
"""Nine portraits, as many as have a key, and the way to another stand side by side."""


class Window(QWidget):
    """Left the portrait with its buttons, the gallery and the numbers; right the panels."""

    dropped = pyqtSignal(object)
    """Path of a picture that was dropped."""

    closed = pyqtSignal()
    """The user closed the window."""

    def __init__(self) -> None:
        """Build everything; nothing is shown yet."""
        super().__init__()
        self.setWindowTitle("puppet")
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.preview, self.transport, self.gallery = Preview(), Transport(), Gallery()
        self.numbers, self.notice, self.enrolment = NumbersPanel(), Notice(), EnrolmentBar()
        self.trial = Trial()
        self.camera, self.gains, self.backdrop, self.pose = CameraPanel(), GainsPanel(), BackdropPanel(), PosePanel()
        self.mark = MarkPanel()
        self.about = About(self)
        self.numbers.about_asked.connect(self.about.come)
        self.preview.add_card(self.trial)
        self.preview.add_card(self.enrolment)
        self.preview.add_card(self.notice)
        left = QVBoxLayout()
        left.setSpacing(14)
        left.addWidget(self.preview, 1)
        for widget in (self.transport, self.gallery, self.numbers):
            left.addWidget(widget)
        across = QHBoxLayout(self)
        across.setContentsMargins(MARGIN_PX, MARGIN_PX, MARGIN_PX, MARGIN_PX)
        across.setSpacing(MARGIN_PX)
        across.addLayout(left, 1)
        across.addWidget(_side(self.camera, self.gains, self.backdrop, self.mark, self.pose))
        screen = self.screen()
        assert screen is not None
        self.resize(COMFORTABLE.boundedTo(screen.availableSize() * 0.95))
        self._bind()
        self._order()
        self.setFocus()  # no button is marked until the user reaches for the tab key

    def show_standing(self, standing: Standing, *, changing: str, ready: bool) -> None:
        """Show a snapshot of the session, silently; the others as in `Transport.show_standing`."""
        recording = standing.recording is not None
        self.transport.show_standing(standing.phase, recording=recording, changing=changing, ready=ready)
        self.numbers.show_standing(standing)
        self.preview.show_badges(badges(standing))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept a picture file."""
        if event is not None and _picture(event.mimeData()) is not None:
            event.acceptProposedAction()
            self.preview.invite(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent | None) -> None:
        """Forget it."""
        self.preview.invite(False)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Take the picture."""
        self.preview.invite(False)
        if event is not None and (path := _picture(event.mimeData())) is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Say so."""
        self.closed.emit()
        super().closeEvent(event)

    def _bind(self) -> None:
        """Give the keys their meaning."""
        buttons = self.transport
        self._key("S", buttons.start.click)
        self._key("P", buttons.pause.click)
        self._key("R", buttons.recentre.click)
        self._key("M", buttons.mirror.click)
        self._key("V", buttons.record.click)
        self._key("Ctrl+O", self.gallery.add_asked.emit)
        self._key("F1", self.numbers.about.click)
        for key in ("Del", "Backspace"):
            self._key(key, self.gallery.ask_removal)
        self._key("Esc", self.notice.hide)
        for i in range(KEYS):
            self._key(str(i + 1), partial(self.gallery.choose_nth, i))

    def _key(self, key: str, act: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(act)

    def _order(self) -> None:
        """Tab goes through the buttons, the gallery, the numbers, then down the panels."""
        buttons = self.transport
        order: Sequence[QWidget] = (
            self.trial.accept,
            self.trial.discard,
            self.enrolment.meanwhile,
            self.enrolment.cancel,
            self.notice.dismiss,
            *(buttons.start, buttons.pause, buttons.recentre, buttons.mirror, buttons.record),
            self.gallery.add,
            self.gallery.look,
            self.numbers.copy,
            self.numbers.about,
            *self.camera.tab_order,
            *self.gains.tab_order,
            *self.backdrop.tab_order,
            self.mark.choice,
            self.pose.toggle,
        )
        for before, after in pairwise(order):
            self.setTabOrder(before, after)


def badges(standing: Standing) -> tuple[Badge, ...]:
    """What stands over the corner of the preview."""
    found = []
    if standing.recording is not None:
        minutes, seconds = divmod(int(standing.recorded_s), 60)
        found.append(Badge(f"{minutes:02}:{seconds:02}", light=True))
    if standing.phase is Phase.PAUSED:
        found.append(Badge("Paused"))
    elif standing.phase is Phase.STOPPED:
        found.append(Badge("Stopped"))
    elif standing.condition.state is not State.LIVE:
        found.append(Badge(str(standing.condition).capitalize()))
    if standing.phase is Phase.RUNNING and standing.slowed:
        found.append(Badge(standing.slowed.capitalize()))
    return tuple(found)


def _side(*panels: QWidget) -> QScrollArea:
    """The panels in a column that scrolls where the window is low."""
    content = QWidget()
    content.setObjectName("content")
    column = QVBoxLayout(content)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(14)
    for panel in panels:
        column.addWidget(panel)
    column.addStretch()
    side = QScrollArea()
    side.setFrameShape(QFrame.Shape.NoFrame)
    side.setWidgetResizable(True)
    side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    side.setWidget(content)
    side.setFixedWidth(max(SIDE_WIDTH_PX, content.minimumSizeHint().width() + 10))
    return side


def _picture(data: QMimeData | None) -> Path | None:
    """The first picture file among what is dragged."""
    urls = data.urls() if data is not None else []
    paths = (Path(url.toLocalFile()) for url in urls if url.isLocalFile())
    return next((path for path in paths if path.suffix.lower() in ENDINGS), None)
