"""The table of docs/diffusers.md: every pipeline that is known by name, as `known.toml` has it.

`python -m i2vbench.models.diffusers.page` prints it.
"""

from __future__ import annotations

from i2vbench.models.diffusers.known import Known, known

_SHORT = {"num_inference_steps": "steps", "guidance_scale": "guidance", "negative_prompt": "", "true_cfg_scale": "CFG"}


def table() -> list[str]:
    """Its lines, in Markdown."""
    head = "| `diffusers:` | class | size, frames, fps | settings | licence | not verified | note |"
    return [head, "|---|---|---|---|---|---|---|", *(_row(entry) for entry in known().values())]


def _row(entry: Known) -> str:
    name = f"[`{entry.name}`]({entry.paper})" if entry.paper else f"`{entry.name}`"
    size = f"{entry.height}x{entry.width}, {entry.num_frames}, {entry.fps:g}"
    cells = [name, f"`{entry.cls}`", size, _settings(entry), entry.licence, ", ".join(entry.unverified), entry.note]
    return f"| {' | '.join(cells)} |"


def _settings(entry: Known) -> str:
    words = [f"{_SHORT.get(key, key)} {_value(value)}" for key, value in entry.call.items() if _SHORT.get(key, key)]
    if "negative_prompt" in entry.call:
        words.append("a negative prompt")
    if entry.flow_shift is not None:
        words.append(f"flow_shift {entry.flow_shift:g}")
    words.append(entry.dtype)
    if entry.float32:
        words.append(f"float32: {', '.join(entry.float32)}")
    if entry.prompt:
        words.append(f'prompt "{entry.prompt}"')
    return ", ".join(words)


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    print("\n".join(table()))
