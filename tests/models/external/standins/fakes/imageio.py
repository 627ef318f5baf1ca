from standin import encode


def mimwrite(path, frames, fps=None, **options):
    if path.endswith(".mp4"):
        encode(path, frames, fps)
    else:
        with open(path, "wb") as file:
            file.write(b"GIF89a")
