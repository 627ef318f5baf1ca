"""Bringing videos here: from their sites by yt-dlp, and folders of Google Drive."""
