"""Numbers as a person would say them."""


def duration(seconds: float) -> str:
    """A time in the largest units that matter: "35 s", "1 min 35 s", "25 h 1 min"."""
    if seconds < 1:
        return "a second"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
