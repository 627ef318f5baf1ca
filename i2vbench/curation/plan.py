"""PLAN.toml: what a data set is to be made of, and every threshold on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.errors import UserError
from i2vbench.names import nearest
from i2vbench.toml_fields import fill, read_toml, setting

EXAMPLE = Path(__file__).with_name("plan.toml")
"""A commented PLAN.toml with every setting at its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where candidates come from. Categories are those of the quota."""

    list: str = setting("", "a CSV of videos: source (an address, a YouTube id, or a file beside it), category, ...")
    per_query: int = setting(50, "videos of each query and page", low=1)
    queries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a video's site says of it, before it is downloaded; what it does not say passes."""

    min_height: int = setting(720, "pixels of the best format", low=1)
    min_seconds: float = setting(2.0, "of the whole video", above=0)
    max_seconds: float = setting(3600.0, "of the whole video", above=0)
    licences: tuple[str, ...] = setting((), "words of which the stated licence must hold one; empty takes any")
    max_age: int = setting(0, "the highest age limit that is taken", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """How videos are brought here."""

    max_height: int = setting(1080, "pixels of the format that is taken", low=1)
    jobs: int = setting(4, "videos at once; all of them keep the pause together", low=1)
    pause_seconds: float = setting(10.0, "between two visits to a site: searches, descriptions, downloads", low=0)
    most_seconds: float = setting(1800.0, "that one download may take", above=0)
    cookies: str = setting("", "a file of cookies, for videos with an age limit; accounts get banned for it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Single shots, cut and encoded anew."""

    min_seconds: float = setting(2.0, "shorter shots are left out", above=0)
    max_seconds: float = setting(10.0, "of longer shots pieces of this length are taken", above=0)
    margin_seconds: float = setting(0.1, "left out where a shot borders another", low=0)
    per_shot: int = setting(1, "pieces of a long shot", low=1)
    per_video: int = setting(8, "pieces of a video, spread over it", low=1)
    crf: int = setting(14, "quality of H.264; lower is better", low=1, high=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What single frames must be."""

    min_true_height: int = setting(480, "pixels that hold detail: less in a larger file is upscaled", low=1)
    max_bars: float = setting(0.02, "share of the frame that bars cover", low=0, high=1)
    min_brightness: float = setting(0.08, "mean of the pixels, from 0, black, to 1, white", low=0, high=1)
    max_brightness: float = setting(0.92, "mean of the pixels, from 0, black, to 1, white", low=0, high=1)
    max_dark: float = setting(0.6, "share of pixels that are black", low=0, high=1)
    max_bright: float = setting(0.4, "share of pixels that are white", low=0, high=1)
    min_contrast: float = setting(0.04, "standard deviation of the pixels", low=0, high=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Letters in the picture."""

    max_text: float = setting(0.05, "share of the picture that text covers", low=0, high=1)
    max_held: float = setting(0.005, "share that text covers which stays in its place: watermarks", low=0, high=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """The longest twentieth of the flow's vectors over an eighth of a second, in pixels of a frame 256 high."""

    min_px: float = setting(0.5, "median over the pairs; less stands still", low=0)
    max_px: float = setting(40.0, "median over the pairs; more is too violent", above=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Clips that show the same."""

    max_distance: int = setting(8, "bits of 64 by which hashes of two frames that are alike differ", low=0, high=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aesthetic:
    """LAION's predictor on CLIP's features, mean of the first, middle and last frame."""

    min_score: float = setting(5.0, "of about 1 to 10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """The category that was asked for, held to what CLIP sees; it gives those that have none."""

    top: int = setting(3, "the category asked for must be among so many that CLIP finds likeliest", low=1)
    on_mismatch: str = setting("drop", "a clip whose category is not", choices=("drop", "move", "keep"))
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many of each category: Table 4's numbers, scaled to a total, but for those stated."""

    total: int = setting(sum(CATEGORIES.values()), "clips in all", low=1)
    max_per_video: int = setting(2, "clips of one video", low=1)
    max_cosine: float = setting(0.95, "of the features of two clips of a category; closer ones are too much alike",
                                above=0, high=1)  # fmt: skip
    clips: Mapping[str, int] = field(default_factory=dict, metadata={"low": 0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate:
    """Captions, objects and scenes."""

    propose: bool = setting(True, "look at each chosen clip with Tag2Text and GRiT; false: its title is its prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan.

    Attributes:
        path: Its file; paths in it are meant from there.
        name: Of the data set.
        title: One line.
        description: What it is and why.
        contact: Who takes requests for removal.
        licence: Of the set as a whole, in words.
        profile: Whose networks look at clips: paper, or tiny to try a plan on any machine.
    """

    path: Path
    name: str
    title: str = ""
    description: str = ""
    contact: str = ""
    licence: str = ""
    profile: str = "paper"
    sources: Sources = field(default_factory=Sources)
    metadata: Metadata = field(default_factory=Metadata)
    download: Download = field(default_factory=Download)
    cut: Cut = field(default_factory=Cut)
    picture: Picture = field(default_factory=Picture)
    text: Text = field(default_factory=Text)
    motion: Motion = field(default_factory=Motion)
    duplicates: Duplicates = field(default_factory=Duplicates)
    aesthetic: Aesthetic = field(default_factory=Aesthetic)
    category: Category = field(default_factory=Category)
    quota: Quota = field(default_factory=Quota)
    annotate: Annotate = field(default_factory=Annotate)

    @property
    def categories(self) -> tuple[str, ...]:
        """Those that clips may have: those with a number of their own, or else Table 4's."""
        return tuple(self.quota.clips or CATEGORIES)


def load_plan(path: Path) -> Plan:
    """The plan that a TOML file holds.

    Raises:
        UserError: For a missing or malformed file, an unknown setting (with the nearest name), an impossible value, no
            name, no source.
    """
    path = path.expanduser().resolve()
    data = read_toml(path, "plan", "`i2vbench data curate --print-plan > PLAN.toml` writes one to begin from")
    try:
        plan: Plan = fill(Plan, {"name": "", **data}, path=path)
        _check(plan)
    except ValueError as error:
        raise UserError(f"plan {path}: {error}") from error
    return plan


def check_plan(plan: Plan) -> None:
    """Refuse a plan whose files or profile are not there, before anything is made.

    Raises:
        UserError: Which one.
    """
    from i2vbench.profiles import load_profile

    load_profile(plan.profile)
    for name in (plan.sources.list, plan.download.cookies):
        if name and not (plan.path.parent / name).is_file():
            raise UserError(f"plan {plan.path}: {name}: no such file in {plan.path.parent}")


def _check(plan: Plan) -> None:
    """Hold settings to each other."""
    if not plan.name:
        raise ValueError("name: expected the data set's name")
    for section, name in (("sources", "queries"), ("sources", "pages"), ("category", "prompts")):
        for category, words in getattr(getattr(plan, section), name).items():
            if category not in plan.categories:
                raise ValueError(f"{section}.{name}.{category}: no such category; {nearest(category, plan.categories)}")
            if not all(word.strip() for word in words):
                raise ValueError(f"{section}.{name}.{category}: expected a list of texts, got {list(words)}")
    for address in (address for some in plan.sources.pages.values() for address in some):
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"sources.pages: expected an address, http(s)://..., got {address!r}")
    if not (plan.sources.list or plan.sources.queries or plan.sources.pages):
        raise ValueError("sources: expected a list, queries or pages")
    if plan.download.max_height < plan.metadata.min_height:
        raise ValueError(
            f"download.max_height: {plan.download.max_height} is less than metadata.min_height, "
            f"{plan.metadata.min_height}"
        )
    pairs = (
        ("metadata", "min_seconds", "max_seconds"),
        ("cut", "min_seconds", "max_seconds"),
        ("picture", "min_brightness", "max_brightness"),
        ("motion", "min_px", "max_px"),
    )
    for section, low, high in pairs:
        smaller, larger = getattr(getattr(plan, section), low), getattr(getattr(plan, section), high)
        if smaller > larger:
            raise ValueError(f"{section}.{low}: {smaller:g} is more than {high}, {larger:g}")
