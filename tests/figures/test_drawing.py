"""What is drawn: the tables' numbers, where they belong, and told apart without colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch

from i2vbench.errors import UserError
from i2vbench.figures import drawings
from i2vbench.figures.heatmap import text_colour
from i2vbench.figures.histograms import bin_edges, values_if_few
from i2vbench.figures.scales import axis_range
from i2vbench.figures.series import Datum, Model, Series
from i2vbench.figures.sources import paper_series
from i2vbench.figures.style import DPI, MOST_MODELS, looks, render, styled
from i2vbench.leaderboards import published
from tests.figures.made import DISTANCE, INFOS, made

COLUMN = 8.25 * 72 / 2.54
TEN = [f"model-{letter}" for letter in "abcdefghij"]
SUBJECT, DYNAMIC, OBJECT = INFOS[0], INFOS[2], INFOS[3]


def draw(series: Series, name: str, **more: object) -> Figure:
    kind = name.split("-")[0]
    return dict(drawings(series, kind, COLUMN, **more))[name]()  # type: ignore[arg-type]


def texts(figure: Figure) -> list[str]:
    """All that is written, in the order of drawing."""
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [text.get_text() for text in figure.texts]


def said(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def lines(figure: Figure, label: str) -> list[Line2D]:
    return [line for axes in figure.axes for line in axes.lines if line.get_label() == label]


def draw_at_full_size(figure: Figure) -> None:
    with styled():
        figure.set_dpi(DPI)
        figure.canvas.draw()


def printed(table: int) -> dict[tuple[str, str], str]:
    return {(n.category, n.method): n.text for n in published.numbers(table)}


# -- heat map -----------------------------------------------------------------------------------------------------


def test_a_heat_map_writes_the_papers_table_digit_for_digit_and_in_its_order() -> None:
    figure = draw(paper_series(), "heatmap-subject_consistency")
    cells = [text for text in texts(figure) if text.count(".") == 1 and text.replace(".", "").isdigit()]
    table = printed(7)
    categories = list(dict.fromkeys(category for category, _ in table))
    assert categories[-1] == "All"
    assert cells[:90] == [table[category, method] for category in categories for method in published.METHODS]


def test_darker_is_better_whatever_the_direction() -> None:
    series = made(["a", "b", "c"])
    for info, better in ((SUBJECT, max), (DISTANCE, min)):
        figure = draw(series, f"heatmap-{info.id}")
        axes = figure.axes[0]
        centres = {text.get_text(): text.get_position() for text in axes.texts}
        best = better(float(datum.text) for data in series.rows[info.id].values() for datum in data)
        grey = {
            text: _luminance(_cell_at(axes.patches, xy)) for text, xy in centres.items() if _cell_at(axes.patches, xy)
        }
        assert min(grey, key=lambda text: grey[text]) == f"{best:.2f}"


def test_cells_without_a_number_are_hatched_and_the_note_says_why() -> None:
    series = made(["a", "b"])
    row = {"category 0": (Datum(note="no clip was measured: 4 failed"), Datum("3.00"))}
    series = replace(series, rows={**series.rows, SUBJECT.id: {**series.rows[SUBJECT.id], **row}})
    figure = draw(series, "heatmap-subject_consistency")
    assert sum(bool(patch.get_hatch()) for patch in figure.axes[0].patches) == 1
    assert "Hatched, no number: a in category 0: no clip was measured: 4 failed." in said(figure)


def test_text_on_every_shade_has_the_contrast_that_wcag_asks_for() -> None:
    for shade in np.linspace(0, 1, 64):
        background = (shade, shade, shade)
        high, low = sorted((_luminance(background), _luminance(to_rgb(text_colour(background)))), reverse=True)  # type: ignore[arg-type]
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_papers_categories_by_ten_models_fit_a_column() -> None:
    rows = {category: (Datum("100.00"), *[Datum("97.65")] * 9) for category, _ in printed(12)}
    series = made(TEN)
    figure = draw(replace(series, rows={**series.rows, SUBJECT.id: rows}), "heatmap-subject_consistency")
    numbers = [text for text in figure.axes[0].texts if text.get_text() in ("100.00", "97.65")][:180]
    assert [text.get_text() for text in numbers].count("100.00") == 18
    (size,) = {text.get_fontsize() for text in numbers}
    assert size >= 4


def test_a_heat_map_that_could_not_be_read_is_refused() -> None:
    with pytest.raises(UserError, match=r"30 models is not readable at 8\.25 cm: choose some with --model"):
        draw(made([f"model {k}" for k in range(30)]), "heatmap-subject_consistency")


def test_columns_of_a_heat_map_fill_its_width_and_slanted_names_end_inside_it() -> None:
    """Eight names over a narrow column stand upright; over a wider one they slant, and need room at the right."""
    series = made([*TEN[:3], *(f"{name} (paper)" for name in published.METHODS)])
    for points, turned in ((0.95 * COLUMN, 90), (2 * COLUMN, 45)):
        figure = dict(drawings(series, "heatmap", points))["heatmap-subject_consistency"]()
        draw_at_full_size(figure)
        heads = [text for text in figure.axes[0].texts if text.get_rotation() == turned]
        assert len(heads) == 8
        right = max(patch.get_window_extent().x1 for patch in figure.axes[0].patches)
        right = max(right, *(text.get_window_extent().x1 for text in heads))
        assert 0.97 * figure.bbox.width <= right <= figure.bbox.width


def test_a_heat_map_of_nothing_says_why_there_is_nothing() -> None:
    series = made(["a"])
    empty = {"All": (Datum(note="this run has no such metric"),)}
    with pytest.raises(UserError, match="no number to show: this run has no such metric"):
        draw(replace(series, rows={**series.rows, SUBJECT.id: empty}), "heatmap-subject_consistency")


# -- radar --------------------------------------------------------------------------------------------------------


def test_a_radar_shows_table_2_between_the_ends_it_prints() -> None:
    """Corners are turned back into numbers with the printed ends alone."""
    series = paper_series()
    figure = draw(series, "radar")
    axes = figure.axes[0]
    labels = [text for text in axes.texts if "\n" in text.get_text()]
    highs = [float(label.get_text().split("\n")[-1].rstrip("%")) for label in labels]
    lows = [float(text.get_text()) for text in axes.texts if "\n" not in text.get_text()]
    rings = [np.array(patch.get_xy())[:-1] for patch in axes.patches]  # type: ignore[attr-defined]
    inner, outer = rings[0], rings[-1]
    table = {(n.method, n.metric): float(n.text) for n in published.numbers(2)}
    titles = {id_: name for name, id_ in published.METRIC_IDS.items()}
    for method in published.METHODS:
        (line,) = lines(figure, method)
        corners = np.array(line.get_xydata())[:-1]
        for k, info in enumerate(series.metrics):
            along = np.linalg.norm(corners[k] - inner[k]) / np.linalg.norm(outer[k] - inner[k])
            assert lows[k] + along * (highs[k] - lows[k]) == pytest.approx(table[method, titles[info.id]], abs=1e-6)


def test_an_axis_of_which_lower_is_better_is_turned_round_and_said_so() -> None:
    series = made(["a", "b"])
    series = replace(series, rows={**series.rows, "fvd": {"All": (Datum("100.00"), Datum("300.00"))}})
    figure = draw(series, "radar")
    assert "Lower is better for FVD: turned round." in said(figure)
    centre = np.mean(figure.axes[0].patches[0].get_xy()[:-1], axis=0)  # type: ignore[attr-defined]
    far = {name: np.linalg.norm(np.array(lines(figure, name)[0].get_xydata())[5] - centre) for name in "ab"}
    assert far["a"] > far["b"]


def test_a_number_that_is_not_there_is_a_gap_with_its_reason() -> None:
    series = made(["a", "b"])
    gone = (Datum(note="aggregate failed"), series.totals(SUBJECT.id)[1])
    figure = draw(replace(series, rows={**series.rows, SUBJECT.id: {"All": gone}}), "radar")
    assert math.isnan(np.array(lines(figure, "a")[0].get_xydata())[0][0])
    assert "A gap is a number that is not there: a in Subject Consistency: aggregate failed." in said(figure)


def test_what_a_radar_cannot_show_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="at least 3 metrics with numbers, and there are: subject_consistency, fvd"):
        draw(made(["a"]).of_metrics(["subject_consistency", "fvd"]), "radar")
    with pytest.raises(UserError, match="at most 10 models, and there are 11: choose some with --model"):
        draw(made([*TEN, "k"]), "radar")


def test_a_radar_of_more_metrics_than_have_room_is_of_table_2_unless_they_are_asked_for() -> None:
    series = made(["a", "b"])
    more = tuple(replace(DISTANCE, id=f"own_{k}", title=f"Own {k}") for k in range(24))
    rows, counts = {m.id: series.rows["fvd"] for m in more}, {m.id: (60, 60) for m in more}
    series = replace(
        series, metrics=(*more, *series.metrics), rows={**series.rows, **rows}, counts={**series.counts, **counts}
    )
    figure = draw(series, "radar")
    assert not any("Own" in text or "FVD" in text for text in texts(figure))
    assert all(any(info.title.split()[0] in text for text in texts(figure)) for info in INFOS)
    assert "Only the metrics of Table 2" in said(figure)
    with pytest.raises(UserError, match="a radar of 30 metrics has no room here"):
        draw(series, "radar", chosen=[info.id for info in series.metrics])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([88.01, 97.90], (88, 98)),  # Subject Consistency of Table 2
        ([3.69, 64.11], (0, 70)),  # Dynamic Degree
        ([93.81, 99.08], (93, 100)),  # Temporal Flickering
        ([99.9, 100.0], (99.9, 100)),
        ([50.0, 50.0], (0, 100)),
    ],
)  # fmt: skip
def test_axes_go_from_the_lowest_to_the_highest_number_widened_to_round_ones(
    values: list[float], expected: tuple[float, float]
) -> None:
    assert axis_range(values, SUBJECT) == pytest.approx(expected)


def test_axes_without_bounds_go_from_zero_where_all_numbers_are_equal() -> None:
    assert axis_range([340.0], DISTANCE) == (0, 700)
    assert axis_range([-3.0, -3.0], DISTANCE) == (-6, 0)
    assert axis_range([0.0], DISTANCE) == (0, 1)


# -- scatter ------------------------------------------------------------------------------------------------------


def test_a_scatter_puts_each_model_where_table_2_has_it() -> None:
    figure = draw(paper_series(), "scatter")
    table = {(n.method, n.metric): float(n.text) for n in published.numbers(2)}
    for method in published.METHODS:
        found = [tuple(map(float, line.get_xydata()[0])) for line in lines(figure, method)]  # type: ignore[index]
        x = table[method, "Dynamic Degree"]
        assert found == [(x, table[method, "Subject Consistency"]), (x, table[method, "Background Consistency"])]
    assert texts(figure).count("still clips") == 2


def test_metrics_asked_for_are_the_vertical_axes() -> None:
    figure = draw(made(["a"]), "scatter", chosen=["dynamic_degree", "overall_consistency"])
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["Overall Consistency (%) ↑"]
    assert "still clips" not in texts(figure)


def test_what_a_scatter_needs_is_said() -> None:
    with pytest.raises(UserError, match="a scatter needs dynamic_degree, and there is no number of it"):
        draw(made(["a"]).of_metrics(["subject_consistency"]), "scatter")
    with pytest.raises(UserError, match="needs subject_consistency or background_consistency beside dynamic_degree"):
        draw(made(["a"]).of_metrics(["dynamic_degree", "fvd"]), "scatter")


# -- histograms ---------------------------------------------------------------------------------------------------


def test_outlines_hold_the_share_of_clips_in_each_bin_and_marks_the_mean() -> None:
    series = made(["a", "b"])
    figure = draw(series, "histograms-overall_consistency")
    steps = [patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch)]
    for model, patch, scores in zip(series.models, steps, series.clips("overall_consistency"), strict=True):
        heights, edges, _ = patch.get_data()
        assert heights.sum() == pytest.approx(100)
        inside = [low <= score < high for score in scores for low, high in [(edges[-3], edges[-2])]]
        assert heights[-2] == pytest.approx(100 * sum(inside) / len(scores))
        marks = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "")]
        assert any(line.get_xdata()[0] == pytest.approx(sum(scores) / len(scores)) for line in marks)  # type: ignore[index]
        assert f"{model.label}  mean {sum(scores) / len(scores):.2f}" in texts(figure)


def test_a_metric_of_two_values_is_drawn_as_bars() -> None:
    series = made(["a", "b"])
    figure = draw(series, "histograms-dynamic_degree")
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    dynamic = [sum(score == 100 for score in scores) / len(scores) * 100 for scores in series.clips("dynamic_degree")]
    assert [bar.get_height() for bar in bars[1::2]] == pytest.approx(dynamic)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0", "100"]


@pytest.mark.parametrize("scores", [(100.0,), (97.123, 97.1231, 97.1229)])
def test_a_constant_score_is_one_bar(scores: tuple[float, ...]) -> None:
    figure = draw(replace(made(["a"]), clips=lambda metric: (scores,)), "histograms-subject_consistency")
    (bar,) = figure.axes[0].patches
    assert bar.get_height() == 100  # type: ignore[attr-defined]


def test_shares_of_frames_have_a_bin_each() -> None:
    scores = [[0.0, 100.0, 6.25], [50.0, 50.0, 43.75]]
    edges = bin_edges(scores, OBJECT)
    assert len(edges) == 18
    assert np.allclose((edges[:-1] + edges[1:]) / 2, np.arange(17) * 6.25)
    assert not values_if_few(scores, 2)


def test_many_models_are_shared_out_over_panels_of_one_scale() -> None:
    figure = draw(made(TEN), "histograms-subject_consistency")
    assert [sum(isinstance(p, StepPatch) for p in axes.patches) for axes in figure.axes] == [3, 4, 3]
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1


def test_there_are_no_histograms_of_numbers_without_clips() -> None:
    with pytest.raises(UserError, match="the paper prints none: name the folder of a run"):
        draw(paper_series(), "histograms-subject_consistency")
    with pytest.raises(UserError, match="a histogram has nothing to show: no clip"):
        draw(made(["a"]), "histograms-fvd")


def test_models_of_the_paper_are_left_out_of_histograms_by_name() -> None:
    series = made(["a", "SEINE (paper)"], published=1)
    ours = series.clips
    series = replace(series, clips=lambda metric: (ours(metric)[0], ()))
    figure = draw(series, "histograms-subject_consistency")
    assert "Without scores of single clips: SEINE (paper)." in said(figure)


# -- told apart ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(1, MOST_MODELS + 1))
def test_each_model_has_a_mark_a_dash_and_a_hatch_of_its_own(count: int) -> None:
    some = looks(count)
    for one in ("marker", "dash", "hatch", "colour"):
        assert len({getattr(look, one) for look in some}) == count


@pytest.mark.parametrize("count", range(2, 6))
def test_up_to_five_models_differ_in_grey_too(count: int) -> None:
    colours = [to_rgb(look.colour) for look in looks(count)]
    lightness = [_lightness(colour) for colour in colours]
    luma = [255 * np.dot((0.299, 0.587, 0.114), colour) for colour in colours]
    assert np.diff(lightness).min() > 9
    assert np.diff(luma).min() > 18
    assert lightness[-1] < 70  # against white


def test_the_papers_models_have_open_marks_beside_a_run() -> None:
    figure = draw(made(["a", "SEINE (paper)"], published=1), "radar")
    faces = {name: lines(figure, name)[0].get_markerfacecolor() for name in ("a", "SEINE (paper)")}
    assert faces["SEINE (paper)"] == "white"
    assert faces["a"] != "white"


# -- names --------------------------------------------------------------------------------------------------------

NAMES = ["$x^2$", "\\frac{a}{b", "_hidden", "图像模型", "line\nend\t\x07", "<b>&--></b>", "", "a" * 300]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["radar", "scatter", "heatmap-subject_consistency", "histograms-subject_consistency"])
def test_any_name_is_drawn_as_it_stands(kind: str) -> None:
    figure = draw(made(NAMES), kind)
    written = [text.removesuffix("…").split("  mean")[0] for text in texts(figure)]
    for name in ("$x^2$", "\\frac{a}{b", "_hidden", "□□□□", "line end \ufffd", "<b>&--></b>"):
        assert name in written
    assert any("aaa…aaa" in text for text in written)
    assert "□ stands for letters that the figure's font does not have." in said(figure)
    render(figure, "png")
    assert not any(text.get_parse_math() for axes in figure.axes for text in axes.texts)


def test_long_names_that_differ_in_the_middle_stay_apart() -> None:
    names = [f"{'a' * 100}{k}{'b' * 100}" for k in range(3)]
    labels = [text for text in texts(draw(made(names), "scatter")) if "…" in text]
    assert len(set(labels)) == 3


@pytest.fixture
def measure() -> Iterator[Callable[[Figure], list[list[float]]]]:
    """The boxes of the labels of the first panel, in pixels, as matplotlib draws them."""

    def boxes(figure: Figure) -> list[list[float]]:
        draw_at_full_size(figure)
        canvas = next(axes for axes in figure.axes if axes.texts)
        return [list(text.get_window_extent().extents) for text in canvas.texts]

    return boxes


def test_labels_of_close_points_hardly_overlap(measure: Callable[[Figure], list[list[float]]]) -> None:
    """Twelve models within 6 % of each axis, each name as long as a name of the paper."""
    rng = np.random.default_rng(0)
    base = made([f"Some-Model-{k:02}" for k in range(12)])
    close = {
        DYNAMIC.id: {"All": tuple(Datum(f"{x:.2f}") for x in rng.uniform(40, 46, 12))},
        SUBJECT.id: {"All": tuple(Datum(f"{x:.2f}") for x in rng.uniform(94, 94.7, 12))},
    }
    figure = draw(replace(base, rows={**base.rows, **close}), "scatter", chosen=[SUBJECT.id])
    boxes = measure(figure)
    assert len(boxes) == 13
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            width = min(one[2], other[2]) - max(one[0], other[0])
            height = min(one[3], other[3]) - max(one[1], other[1])
            smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
            assert max(width, 0) * max(height, 0) < 0.1 * smaller


@pytest.mark.parametrize("kind", ["radar", "scatter", "heatmap-fvd", "histograms-dynamic_degree"])
def test_nothing_is_written_beyond_the_edge(kind: str) -> None:
    figure = draw(made([f"my-org/a-rather-long-name-{k}" for k in range(6)]), kind)
    draw_at_full_size(figure)
    written = [text for axes in figure.axes for text in axes.texts] + figure.texts
    edge = figure.bbox.extents
    for text in written:
        box = text.get_window_extent().extents
        assert box[0] >= edge[0], text
        assert box[2] <= edge[2], text


def test_what_models_stand_on_is_said_and_what_cannot_be_compared_first() -> None:
    series = made(["a", "b", "c"])
    models = [
        Model("a", "data set x (9 samples), profile paper", {"data sets": "1", "profiles": "p"}),
        Model("b", "data set y (9 samples), profile tiny", {"data sets": "2", "profiles": "t"}),
        Model("c", "data set x (9 samples), profile paper", {"data sets": "1", "profiles": "p"}),
    ]
    series = replace(series, models=tuple(models))
    figure = draw(series, "radar")
    warning = "Not comparable: the models stand on different data sets and profiles."
    assert warning in said(figure)
    assert said(figure).index(warning) < said(figure).index("a, c: data set x (9 samples), profile paper.")
    assert warning not in said(draw(series.of_models(["a", "c"]), "radar"))


def _cell_at(patches: object, xy: tuple[float, float]) -> tuple[float, float, float] | None:
    for patch in patches:  # type: ignore[attr-defined]
        left, bottom, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
        if left < xy[0] < left + width and bottom < xy[1] < bottom + height and width > 5:
            return to_rgb(patch.get_facecolor())
    return None


def _luminance(colour: tuple[float, ...] | None) -> float:
    """WCAG 2.2's relative luminance."""
    assert colour is not None
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _lightness(colour: tuple[float, ...]) -> float:
    """CIE L*."""
    y = _luminance(colour)
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y
