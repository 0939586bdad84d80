"""That the benchmark of drawing measures something; how long it takes is no test's affair."""

import json

import pytest

from tests.bench import drawing
from tests.bench.figures import Figure, report


@pytest.mark.parametrize("kind", ["chart of 30", "reconstructions", "samples", "latent map"])
async def test_every_kind_of_panel_is_drawn_and_sends_something_each_time(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    class Noting(drawing.CellDiff):
        def changes(self, data: str) -> str:
            sent.append(super().changes(data))
            return sent[-1]

    monkeypatch.setattr(drawing, "CellDiff", Noting)
    drawings = [*drawing.chart_drawings([30]), *drawing.picture_drawings()]
    one = next(d for d in drawings if d.name.startswith(kind))
    figure = await drawing.time_drawing(one, 2)
    assert len(figure.values) == len(figure.cpu) == 2
    assert min(figure.values) > 0
    _, first, *later = map(len, sent)
    assert len(later) == drawing.WARM_UP - 1 + 2
    assert all(0 < size < first for size in later), "something new, but not everything"


def test_a_figure_beyond_its_goal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [
        Figure("quick", "ms", 10.0, [9.0, 1.0, 30.0], [1.0, 1.0, 1.0]),
        Figure("slow", "ms", 10.0, [9.0, 11.0, 30.0]),
        Figure("whatever", "ms", None, [99.0]),
    ]
    report("drawing", figures, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    missed = {line.split()[0] for line in lines if "missed" in line}
    assert missed == {"slow"}
    report("drawing", figures, as_json=True)
    parsed = json.loads(capsys.readouterr().out)
    assert [f["median"] for f in parsed] == [9.0, 11.0, 99.0]
    assert parsed[0]["goal"] == 10.0
