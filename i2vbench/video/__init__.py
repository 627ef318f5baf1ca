"""Reading and writing clips and pictures: the only code that touches a codec.

A file is read exactly as ffmpeg shows it (edit list, rotation and frame times applied), or refused in one sentence;
tests/video/ holds every kind of file against the ffmpeg program, frame by frame. A file is decoded from its
start and never sought in: sequence is what makes open GOPs and edit lists come out right. Everything is single
threaded, because clips are decoded in parallel, and because libav's threads end a truncated file without an error.

What cannot be seen: a flipped bit that leaves valid H.264, HEVC or VP9 code, and a pipe's MPEG-TS or fragmented MP4
cut exactly between two units. Of 5200 damaged files of 13 kinds, 2719 were refused and 2481 read as ffmpeg reads them.
"""

from i2vbench.video.container import VideoError
from i2vbench.video.cut import cut_pieces, cut_video
from i2vbench.video.pictures import encode_jpeg, encode_png, jpeg_facts, read_image, read_pictures, resize_and_crop
from i2vbench.video.read import VideoInfo, check_decodes, each_frame, probe, read_video, reader_version, shown_frames
from i2vbench.video.write import (
    encode_preview,
    write_frames,
    write_gif,
    write_mp4,
    write_preview,
    write_video,
)

__all__ = [
    "VideoError",
    "VideoInfo",
    "check_decodes",
    "cut_pieces",
    "cut_video",
    "each_frame",
    "encode_jpeg",
    "encode_png",
    "encode_preview",
    "jpeg_facts",
    "probe",
    "read_image",
    "read_pictures",
    "read_video",
    "reader_version",
    "resize_and_crop",
    "shown_frames",
    "write_frames",
    "write_gif",
    "write_mp4",
    "write_preview",
    "write_video",
]
