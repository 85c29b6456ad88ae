//! The cases of the golden pictures. New operations get a line in a table, or a table of their own in [`ALL`].

/// One recipe on one source.
pub struct Case {
    /// Names the approved picture.
    pub name: &'static str,
    /// A file of `testdata/formats`, or of `sources/` here.
    pub source: &'static str,
    /// The recipe as JSON.
    pub steps: &'static str,
    /// Most ΔE00 of a pixel.
    pub largest: f64,
    /// Most ΔE00 in the mean.
    pub mean: f64,
}

/// Every table.
pub const ALL: &[&[Case]] = &[COLOR_STEPS, FRAME_STEPS, RESIZES];

const PHOTO: &str = "sources/photo.png";
/// Red | green over blue | yellow, with a white F.
const QUADRANTS: &str = "png-rgb.png";
/// 16 bits, alpha from full at the left to none at the right.
const WIDE: &str = "png-rgba-16bit.png";
const GREY_ALPHA: &str = "png-grey-alpha.png";
/// A disc on clear ground that hides another colour.
const DISC: &str = "png-hidden-colour.png";

/// What is computed pixel by pixel: other machines may round a value the other way, no more.
const fn exact(name: &'static str, source: &'static str, steps: &'static str) -> Case {
    Case { name, source, steps, largest: 1.0, mean: 0.05 }
}

/// What sums up many pixels, in an order that depends on the machine.
const fn filtered(name: &'static str, source: &'static str, steps: &'static str) -> Case {
    Case { name, source, steps, largest: 2.0, mean: 0.2 }
}

/// Changes of colour, shapes, marks.
pub const COLOR_STEPS: &[Case] = &[
    exact("grayscale", PHOTO, r#"["grayscale"]"#),
    exact("grayscale-16-bits", WIDE, r#"["grayscale"]"#),
    exact("sepia", PHOTO, r#"[{"sepia": {}}]"#),
    exact("sepia-half", QUADRANTS, r#"[{"sepia": {"amount": 0.5}}]"#),
    exact("sepia-grey", GREY_ALPHA, r#"[{"sepia": {}}]"#),
    exact("brightness", QUADRANTS, r#"[{"adjust": {"brightness": 1.3}}]"#),
    exact("contrast", PHOTO, r#"[{"adjust": {"contrast": 1.5}}]"#),
    exact("saturation", PHOTO, r#"[{"adjust": {"saturation": 2}}]"#),
    exact("hue", PHOTO, r#"[{"adjust": {"hue": 120}}]"#),
    exact("adjust-all", PHOTO, r#"[{"adjust": {"brightness": 1.1, "contrast": 1.2, "saturation": 0.6, "hue": -20}}]"#),
    exact("adjust-16-bits", WIDE, r#"[{"adjust": {"brightness": 1.4, "contrast": 0.8, "saturation": 3, "hue": 90}}]"#),
    exact("gamma-brighter", PHOTO, r#"[{"gamma": {"value": 2.2}}]"#),
    exact("gamma-darker", QUADRANTS, r#"[{"gamma": {"value": 0.5}}]"#),
    exact("negate", QUADRANTS, r#"["negate"]"#),
    exact("negate-alpha", DISC, r#"["negate"]"#),
    exact("tint", PHOTO, r##"[{"tint": {"color": "#3070c0"}}]"##),
    exact("tint-some", QUADRANTS, r##"[{"tint": {"color": "#c04080", "amount": 0.6}}]"##),
    exact("threshold", PHOTO, r#"[{"threshold": {}}]"#),
    exact("threshold-low", PHOTO, r#"[{"threshold": {"level": 60}}]"#),
    exact("round-corners", QUADRANTS, r#"[{"round_corners": {"radius": 12}}]"#),
    exact("round-corners-16-bits", WIDE, r#"[{"round_corners": {"radius": 99}}]"#),
    exact("circle", PHOTO, r#"["circle"]"#),
    exact("circle-grey", GREY_ALPHA, r#"["circle"]"#),
    exact("background", DISC, r##"[{"background": {"color": "#ffd040"}}]"##),
    exact("background-grey", GREY_ALPHA, r##"[{"background": {"color": "#4060c0"}}]"##),
    filtered(
        "watermark-image",
        PHOTO,
        r#"[{"watermark": {"image": {"bucket": "assets", "key": "disc.png"}, "scale": 0.25, "margin": 4}}]"#,
    ),
    filtered(
        "watermark-image-fits",
        QUADRANTS,
        r#"[{"watermark": {"image": {"bucket": "assets", "key": "disc.png"}, "opacity": 0.4, "gravity": "west"}}]"#,
    ),
    filtered(
        "watermark-image-tiles",
        WIDE,
        r#"[{"watermark": {"image": {"bucket": "assets", "key": "disc.png"}, "scale": 0.2, "margin": 3, "tile": true}}]"#,
    ),
    filtered("watermark-text", PHOTO, r#"[{"watermark": {"text": "© Zoë", "size": 20, "margin": 5}}]"#),
    filtered(
        "watermark-text-lines",
        QUADRANTS,
        r##"[{"watermark": {"text": "AVATAR\nЖук\nΩμέγα", "color": "#102030", "gravity": "center", "size": 14}}]"##,
    ),
    filtered(
        "watermark-text-scaled",
        PHOTO,
        r#"[{"watermark": {"text": "draft", "scale": 0.9, "opacity": 0.5, "gravity": "center"}}]"#,
    ),
    filtered(
        "watermark-text-tiles",
        GREY_ALPHA,
        r##"[{"watermark": {"text": "no", "size": 9, "tile": true, "color": "#ff2020"}}]"##,
    ),
    exact("two-steps", QUADRANTS, r#"["negate", "circle"]"#),
];

/// Changes of the frame, and filters over neighbouring pixels.
pub const FRAME_STEPS: &[Case] = &[
    exact("crop", PHOTO, r#"[{"crop": {"width": 30, "height": 24, "x": 20, "y": 10}}]"#),
    exact("crop-south-east", QUADRANTS, r#"[{"crop": {"width": 40, "height": 30, "gravity": "south_east"}}]"#),
    exact("crop-over-the-edge", QUADRANTS, r#"[{"crop": {"width": 40, "height": 30, "x": 50, "y": 30}}]"#),
    exact("crop-attention", PHOTO, r#"[{"crop": {"width": 32, "height": 32, "gravity": "attention"}}]"#),
    exact("crop-entropy", PHOTO, r#"[{"crop": {"width": 32, "height": 32, "gravity": "entropy"}}]"#),
    exact("extend", QUADRANTS, r#"[{"extend": {"top": 2, "right": 4, "bottom": 8, "left": 16}}]"#),
    exact("extend-color", GREY_ALPHA, r##"[{"extend": {"top": 5, "left": 5, "background": "#ff8000"}}]"##),
    exact("extend-edge", PHOTO, r#"[{"crop": {"width": 40, "height": 30}}, {"extend": {"top": 9, "right": 9, "fill": "edge"}}]"#),
    exact("extend-mirror", QUADRANTS, r#"[{"extend": {"top": 60, "right": 20, "left": 20, "fill": "mirror"}}]"#),
    exact("trim", QUADRANTS, r##"[{"extend": {"top": 3, "right": 5, "left": 7, "background": "#f8f8f8"}}, {"trim": {}}]"##),
    exact("trim-alpha", DISC, r#"[{"trim": {}}]"#),
    exact("rotate-90", WIDE, r#"[{"rotate": {"degrees": 90}}]"#),
    exact("rotate-180", QUADRANTS, r#"[{"rotate": {"degrees": 180}}]"#),
    filtered("rotate-20", QUADRANTS, r#"[{"rotate": {"degrees": 20}}]"#),
    filtered("rotate-color", PHOTO, r##"[{"resize": {"width": 40}}, {"rotate": {"degrees": -7.5, "background": "#204060"}}]"##),
    exact("flip", QUADRANTS, r#"["flip"]"#),
    exact("flop", QUADRANTS, r#"["flop"]"#),
    filtered("blur", PHOTO, r#"[{"blur": {"sigma": 2}}]"#),
    filtered("blur-wide", QUADRANTS, r#"[{"blur": {"sigma": 9}}]"#),
    filtered("blur-alpha", DISC, r#"[{"blur": {"sigma": 4}}]"#),
    filtered("blur-16-bits", WIDE, r#"[{"blur": {"sigma": 0.8}}]"#),
    filtered("sharpen", PHOTO, r#"[{"sharpen": {}}]"#),
    filtered("sharpen-much", QUADRANTS, r#"[{"blur": {"sigma": 1.5}}, {"sharpen": {"sigma": 2, "amount": 3}}]"#),
    filtered("sharpen-threshold", PHOTO, r#"[{"resize": {"width": 60}}, {"sharpen": {"amount": 4, "threshold": 20}}]"#),
];

/// Resizes: kernels, light, fits, places.
pub const RESIZES: &[Case] = &[
    filtered("resize-lanczos3", PHOTO, r#"[{"resize": {"width": 40}}]"#),
    filtered("resize-catmull-rom", PHOTO, r#"[{"resize": {"width": 40, "kernel": "catmull_rom"}}]"#),
    filtered("resize-mitchell", PHOTO, r#"[{"resize": {"width": 40, "kernel": "mitchell"}}]"#),
    filtered("resize-linear", PHOTO, r#"[{"resize": {"width": 40, "kernel": "linear"}}]"#),
    filtered("resize-box", PHOTO, r#"[{"resize": {"width": 40, "kernel": "box"}}]"#),
    filtered("resize-nearest", PHOTO, r#"[{"resize": {"width": 40, "kernel": "nearest"}}]"#),
    filtered("resize-larger", QUADRANTS, r#"[{"resize": {"width": 100, "enlarge": true}}]"#),
    filtered("resize-linear-light", PHOTO, r#"[{"resize": {"width": 40, "linear_light": true}}]"#),
    filtered("resize-alpha", DISC, r#"[{"resize": {"width": 20}}]"#),
    filtered("resize-16-bits", WIDE, r#"[{"resize": {"width": 30}}]"#),
    filtered("resize-cover", PHOTO, r#"[{"resize": {"width": 40, "height": 40, "fit": "cover"}}]"#),
    filtered("resize-cover-west", PHOTO, r#"[{"resize": {"width": 40, "height": 40, "fit": "cover", "gravity": "west"}}]"#),
    filtered(
        "resize-cover-focus",
        PHOTO,
        r#"[{"resize": {"width": 30, "height": 40, "fit": "cover", "focus": {"x": 0.9, "y": 0.2}}}]"#,
    ),
    filtered(
        "resize-cover-attention",
        PHOTO,
        r#"[{"resize": {"width": 30, "height": 40, "fit": "cover", "gravity": "attention"}}]"#,
    ),
    filtered("resize-cover-entropy", PHOTO, r#"[{"resize": {"width": 30, "height": 40, "fit": "cover", "gravity": "entropy"}}]"#),
    filtered("resize-contain", QUADRANTS, r#"[{"resize": {"width": 40, "height": 40, "fit": "contain"}}]"#),
    filtered("resize-fill", QUADRANTS, r#"[{"resize": {"width": 20, "height": 40, "fit": "fill"}}]"#),
    filtered("resize-outside", PHOTO, r#"[{"resize": {"width": 30, "height": 30, "fit": "outside"}}]"#),
];
