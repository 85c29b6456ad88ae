"""What differs, or is refused although Pillow opens it, and why that is meant."""

import fnmatch

PILLOW, VIPS = "differs from Pillow", "differs from libvips"
REFUSED = "Pillow opens it"

# Pattern of the file's name, how what is noted of it begins, and the reason.
KNOWN = [
    # Refused.
    ("hopper_bad_exif.jpg", REFUSED, "damaged: runs of coefficients go beyond their blocks; libjpeg drops them and shows stripes"),
    ("crash-74d2a784*.tif", REFUSED, "damaged: the fax data holds codes that are none; libtiff leaves the rest of a row white"),
    ("x_interlaced_chck.png", REFUSED, "damaged: IDAT has a bad checksum; with `tolerant` it is passed over and told"),
    ("xcsn0g01.png", REFUSED, "damaged: IDAT has a bad checksum; with `tolerant` it is passed over and told"),
    ("invalid_multiframe.gif", REFUSED, "damaged: the first frame lacks 7 of 9 rows; with `tolerant` what is there is shown"),
    ("testimgl.jpg", REFUSED, "lossless JPEG: no decoder for it"),
    ("hopper_lzma.tif", REFUSED, "LZMA: no decoder for it among the dependencies"),
    # Pillow leaves something out.
    ("[it]*_trns.png", PILLOW, "Pillow ignores the transparent value of 16-bit grey"),
    ("tb?n0g??.png", PILLOW, "Pillow ignores the transparent value of grey that is not of 8 bits"),
    ("tb?n0g??_.png", PILLOW, "Pillow ignores the transparent value of grey that is not of 8 bits"),
    ("*A1_R5_G5_B5*.bmp", PILLOW, "Pillow ignores the alpha bit of 16-bit pixels"),
    ("rgba16-5551.bmp", PILLOW, "Pillow ignores the alpha bit of 16-bit pixels"),
    ("rgb24prof2.bmp", PILLOW, "Pillow ignores the profile of a bitmap"),
    ("multiple_entries_with_different_bit_depth.ico", PILLOW, "Pillow takes the picture of 8 bits, not that of 32"),
    ("Bad_smile-incorrect-image-length.ico", PILLOW, "Pillow looks for the mask from the wrong end"),
    ("bmp_v5_with_icc.ico", PILLOW, "the file has no mask where one should be; each reads something else as one"),
    ("10ct_32bit_128.tiff", PILLOW, "floating point: Pillow takes 255 for white, Minilab and libvips' writer 1"),
    ("*bad*rle*.bmp", PILLOW, "damaged runs: what is shown behind the damage is anyone's"),
    # Pillow turns by more than EXIF.
    ("exif_imagemagick_orientation.png", PILLOW, "turned by ImageMagick's text chunk, which browsers and libvips do not look at"),
    ("xmp_tags_orientation*.png", PILLOW, "turned by XMP, which browsers and libvips do not do"),
    # A matter of opinion.
    ("app13.jpg", "differs from", "libjpeg does not smooth chroma that is two samples wide or less"),
    ("border_touching_layers.gif", "differs from", "what no frame covers is clear, as in browsers, not of the background colour"),
    ("issue_1455_undersized.gif", PILLOW, "what no frame covers is clear, as in browsers, not of the background colour"),
    ("icc-cmyk.jpg", PILLOW, "another rendering of the profile's colours outside of sRGB; libvips agrees with Minilab"),
    ("colourspace.cmyk-to-cmyk-negated.tif", "differs from", "colours far outside of sRGB, which each clips its own way"),
    ("fogra-0-100-100-0.tif", VIPS, "another rendering of colours outside of sRGB; Pillow agrees with Minilab"),
    ("Channel_digital_image_CMYK_color.jpg", VIPS, "another rendering of colours outside of sRGB; Pillow agrees with Minilab"),
    ("blankpage.svg", VIPS, "millimetres at 96 dots an inch (CSS); libvips has 72"),
    # Floating point in colour: libvips takes it for linear light, Minilab for sRGB's own values.
    ("rgb32f_*.tiff", VIPS, "floating point in colour: libvips takes it for linear light"),
    ("*.hdr.tiff", VIPS, "floating point in colour: libvips takes it for linear light"),
    # libvips.
    ("ycbcr_lzw_bt709.tif", PILLOW, "Pillow ignores the coefficients that the file states"),
]


def why(name, note):
    """The reason for what is noted of a file; None when there is none yet."""
    return next((reason for pattern, start, reason in KNOWN if fnmatch.fnmatch(name, pattern) and note.startswith(start)), None)
