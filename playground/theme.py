"""The page's look for Gradio's own controls: system fonts, warm white or near-black, one blue.

The sheets in `style/` lay the page out and hold the colours of the charts; what Gradio can be told
through its variables is told here. No font is fetched from anywhere.
"""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils import colors, fonts, sizes

BLUE = colors.Color(
    name="blue",
    c50="#eef3fe",
    c100="#dfe8fd",
    c200="#c0d2fb",
    c300="#9bb6f6",
    c400="#7fa1fb",
    c500="#3f6fe0",
    c600="#2f5fd0",
    c700="#284fae",
    c800="#24437f",
    c900="#1f2d4a",
    c950="#1b2439",
)
SYSTEM = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

LIGHT = {
    "body_background_fill": "#fafaf6",
    "body_text_color": "#1b2130",
    "body_text_color_subdued": "#5d6679",
    "background_fill_primary": "#ffffff",
    "background_fill_secondary": "#fafaf6",
    "border_color_primary": "#e2e1da",
    "block_background_fill": "#ffffff",
    "input_background_fill": "#f6f5f0",
    "input_border_color": "#e2e1da",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_hover": "#f3f2ec",
    "button_secondary_text_color": "#1b2130",
    "button_primary_background_fill": "#2f5fd0",
    "button_primary_background_fill_hover": "#284fae",
    "button_primary_text_color": "#ffffff",
    "color_accent_soft": "#eaf0fd",
    "slider_color": "#2f5fd0",
    "link_text_color": "#2f5fd0",
}
DARK = {
    "body_background_fill": "#12151d",
    "body_text_color": "#e9ecf3",
    "body_text_color_subdued": "#9aa2b4",
    "background_fill_primary": "#1b1f2a",
    "background_fill_secondary": "#12151d",
    "border_color_primary": "#2c3140",
    "block_background_fill": "#1b1f2a",
    "input_background_fill": "#151924",
    "input_border_color": "#2c3140",
    "button_secondary_background_fill": "#1b1f2a",
    "button_secondary_background_fill_hover": "#252a38",
    "button_secondary_text_color": "#e9ecf3",
    "button_primary_background_fill": "#7fa1fb",
    "button_primary_background_fill_hover": "#9bb6f6",
    "button_primary_text_color": "#10131b",
    "color_accent_soft": "#20293c",
    "slider_color": "#7fa1fb",
    "link_text_color": "#7fa1fb",
}


class PlaygroundTheme(gr.themes.Base):
    """Calm and compact: 13 px text, 1 px borders, 10 px corners, in light and in dark."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=BLUE,
            secondary_hue=BLUE,
            neutral_hue=colors.slate,
            spacing_size=sizes.spacing_sm,
            radius_size=sizes.radius_md,
            text_size=sizes.text_sm,
            font=_fonts(SYSTEM),
            font_mono=_fonts(MONOSPACE),
        )
        self.name = "playground"
        self.set(
            **LIGHT,
            **{f"{name}_dark": value for name, value in DARK.items()},
            color_accent="#2f5fd0",
            block_border_width="0px",
            block_shadow="none",
            block_padding="0px",
            block_radius="8px",
            block_label_text_size="13px",
            block_title_text_size="13px",
            block_title_text_weight="400",
            block_title_text_color="*body_text_color",
            block_title_text_color_dark="*body_text_color",
            block_title_background_fill="none",
            block_title_padding="0",
            form_gap_width="0px",
            container_radius="10px",
            input_shadow="none",
            input_shadow_focus="none",
            input_border_color_focus="*primary_500",
            input_border_color_focus_dark="*primary_400",
            input_padding="6px 10px",
            input_radius="8px",
            input_text_size="13px",
            button_border_width="1px",
            button_secondary_border_color="*border_color_primary",
            button_secondary_border_color_dark="*border_color_primary",
            button_primary_border_color="transparent",
            button_primary_border_color_dark="transparent",
            button_large_radius="8px",
            button_small_radius="8px",
            button_large_padding="8px 12px",
            button_small_padding="6px 6px",
            button_large_text_size="13px",
            button_small_text_size="13px",
            button_small_text_weight="400",
            button_primary_shadow="none",
            button_secondary_shadow="none",
            button_transition="background-color 120ms",
            layout_gap="0px",
            checkbox_background_color_selected="#2f5fd0",
            checkbox_border_color_selected="#2f5fd0",
            checkbox_background_color_selected_dark="#5f86ea",
            checkbox_border_color_selected_dark="#5f86ea",
        )


def _fonts(names: tuple[str, ...]) -> list[fonts.Font | str]:
    return list(names)
