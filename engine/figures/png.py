"""A Pillow image and its caption as the bytes of a PNG file."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.figures.caption import Caption

DPI = 300
"""Pixels per inch that every figure is made for and says in its file."""


def encode_png(image: Image.Image, caption: Caption) -> bytes:
    """PNG with the caption as text chunks (tEXt, or iTXt where the text is not Latin-1)."""
    chunks = PngInfo()
    for keyword, text in caption.text_chunks().items():
        chunks.add_text(keyword, text)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=chunks, dpi=(DPI, DPI))
    return buffer.getvalue()
