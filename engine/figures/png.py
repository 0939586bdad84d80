"""A Pillow image and its caption as the bytes of a PNG file."""

import io
from typing import Protocol

from PIL import Image
from PIL.PngImagePlugin import PngInfo

DPI = 300
"""Pixels per inch that every figure is made for and says in its file."""


class Described(Protocol):
    """A caption, as far as a file has to know it."""

    def text_chunks(self) -> dict[str, str]:
        """Keyword and text of the PNG's text chunks."""
        ...


def encode_png(image: Image.Image, caption: Described) -> bytes:
    """PNG with the caption as text chunks (tEXt, or iTXt where the text is not Latin-1)."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=png_chunks(caption), dpi=(DPI, DPI))
    return buffer.getvalue()


def png_chunks(caption: Described) -> PngInfo:
    """The caption as text chunks for `PngImagePlugin`."""
    chunks = PngInfo()
    for keyword, text in caption.text_chunks().items():
        chunks.add_text(keyword, text)
    return chunks
