from types import SimpleNamespace

from standin import encode


def _write_video(path, frames, fps, video_codec="libx264", options=None):
    encode(path, frames, fps)


io = SimpleNamespace(write_video=_write_video)
