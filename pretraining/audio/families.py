"""The families of synthesised sounds: rows of ranges for the numbers that shape a sound."""

# name: (default low, default high, whether drawn and learned on a logarithmic scale)
NUMBERS: dict[str, tuple[float, float, bool]] = {
    "noise": (0.0, 0.05, False),  # loudness of the noise layer
    "noise_centre": (200.0, 5000.0, True),  # Hz
    "noise_octaves": (0.7, 4.0, True),  # width
    "swell": (0.0, 0.3, False),  # how deep the noise wanders in loudness
    "swell_rate": (0.3, 6.0, True),  # Hz
    "beat": (0.0, 0.0, False),  # how deep it beats regularly
    "beat_rate": (4.0, 30.0, True),
    "beat_sharp": (1.0, 6.0, True),
    "events": (0.0, 0.0, False),  # loudness of the event layer
    "event_rate": (1.0, 30.0, True),  # per second
    "regular": (0.0, 0.3, False),  # 0: Poisson, 1: clockwork
    "unequal": (0.2, 1.0, False),  # spread of the events' loudness
    "grain_pitch": (300.0, 5000.0, True),
    "grain_decay": (0.004, 0.05, True),  # seconds
    "grain_noise": (0.0, 1.0, False),  # 0: rings, 1: a burst of noise
    "grain_bend": (-0.1, 0.1, False),  # octaves that the ringing rises while it decays
    "voice": (0.0, 0.0, False),  # loudness of the voice layer
    "pitch": (100.0, 1000.0, True),
    "tilt": (0.5, 2.0, False),  # how fast harmonics fall: amplitude ~ 1 / h ** tilt
    "call_rate": (0.5, 3.0, True),  # calls per second
    "call_share": (0.3, 0.8, False),  # of the time between calls that is voiced; > 1: continuous
    "bend": (-0.3, 0.3, False),  # octaves from the ends of a call to its middle
    "slide": (-0.3, 0.3, False),  # octaves from a call's beginning to its end
    "vibrato": (0.0, 0.03, False),  # octaves
    "vibrato_rate": (4.0, 9.0, True),
    "rough": (0.0, 0.05, False),  # jitter of pitch and loudness
    "breath": (0.0, 0.2, False),  # noise that follows the voice
    "formant": (500.0, 2500.0, True),
    "formant_depth": (0.0, 0.7, False),
    "onset": (-1.0, 0.0, False),  # seconds; below zero: it was already on
    "lasting": (2.0, 9.0, True),  # seconds until it fades
}
NAMES = tuple(NUMBERS)

FAMILIES: dict[str, dict[str, tuple[float, float]]] = {
    "hiss": {"noise": (1, 1), "noise_centre": (1500, 7000), "noise_octaves": (1, 5)},
    "rumble": {"noise": (1, 1), "noise_centre": (40, 250), "swell": (0.3, 0.9)},
    "wind": {
        "noise": (1, 1),
        "noise_centre": (150, 1200),
        "noise_octaves": (0.3, 1.5),
        "swell": (0.5, 1),
        "swell_rate": (0.3, 2),
    },
    "surf": {
        "noise": (1, 1),
        "noise_centre": (300, 3000),
        "noise_octaves": (1.5, 4),
        "swell": (0.7, 1),
        "swell_rate": (0.1, 0.6),
    },
    "stream": {
        "noise": (0.3, 1),
        "noise_octaves": (1, 3),
        "events": (0.5, 1.5),
        "event_rate": (20, 150),
        "grain_noise": (0, 0.2),
        "grain_bend": (0.1, 0.9),
        "grain_decay": (0.005, 0.04),
    },
    "rain": {
        "noise": (0.4, 1),
        "noise_centre": (1500, 6000),
        "events": (0.3, 1.2),
        "event_rate": (60, 220),
        "grain_noise": (0.5, 1),
        "grain_decay": (0.001, 0.01),
        "grain_pitch": (1500, 7000),
    },
    "drips": {
        "events": (1, 1),
        "event_rate": (0.7, 6),
        "grain_noise": (0, 0.15),
        "grain_bend": (0.1, 1.2),
        "grain_decay": (0.01, 0.06),
        "grain_pitch": (400, 3000),
    },
    "crackle": {
        "noise": (0.02, 0.3),
        "noise_centre": (60, 600),
        "events": (1, 1),
        "event_rate": (4, 60),
        "unequal": (0.8, 1.8),
        "grain_noise": (0.5, 1),
        "grain_decay": (0.0005, 0.006),
    },
    "ticks": {
        "events": (1, 1),
        "event_rate": (1, 9),
        "regular": (0.95, 1),
        "unequal": (0, 0.4),
        "grain_decay": (0.001, 0.02),
        "grain_noise": (0.1, 0.8),
        "grain_pitch": (800, 7000),
    },
    "steps": {
        "events": (1, 1),
        "event_rate": (1, 4),
        "regular": (0.7, 0.95),
        "grain_noise": (0.4, 1),
        "grain_decay": (0.02, 0.09),
        "grain_pitch": (80, 1500),
    },
    "strike": {
        "events": (1, 1),
        "event_rate": (0.4, 2.5),
        "grain_noise": (0, 0.1),
        "grain_decay": (0.06, 0.6),
        "grain_pitch": (150, 4000),
    },
    "clatter": {
        "events": (1, 1),
        "event_rate": (6, 40),
        "unequal": (0.6, 1.4),
        "grain_noise": (0.1, 0.6),
        "grain_decay": (0.01, 0.08),
    },
    "applause": {
        "events": (1, 1),
        "event_rate": (40, 220),
        "unequal": (0.1, 0.6),
        "grain_noise": (0.9, 1),
        "grain_decay": (0.005, 0.02),
        "grain_pitch": (700, 2500),
    },
    "scrape": {
        "noise": (1, 1),
        "noise_centre": (700, 6000),
        "noise_octaves": (0.4, 2),
        "beat": (0.7, 1),
        "beat_rate": (0.7, 4),
        "beat_sharp": (1, 4),
        "swell": (0.2, 0.7),
        "swell_rate": (3, 20),
    },
    "rotor": {
        "noise": (1, 1),
        "noise_centre": (60, 900),
        "noise_octaves": (1, 3),
        "beat": (0.6, 1),
        "beat_rate": (5, 28),
        "beat_sharp": (1.5, 8),
        "voice": (0, 0.4),
        "pitch": (40, 160),
        "call_share": (1.2, 1.5),
    },
    "machine": {
        "noise": (0.3, 1),
        "voice": (0.2, 1),
        "pitch": (25, 120),
        "tilt": (0.2, 1.2),
        "call_share": (1.2, 1.5),
        "rough": (0.02, 0.2),
        "beat": (0, 0.5),
    },
    "motor": {
        "noise": (0.1, 0.5),
        "noise_centre": (800, 5000),
        "voice": (1, 1),
        "pitch": (50, 300),
        "tilt": (0.1, 0.9),
        "call_share": (0.7, 1.5),
        "call_rate": (0.2, 1.2),
        "bend": (-0.2, 0.8),
        "rough": (0.05, 0.4),
        "breath": (0.1, 0.7),
        "formant": (700, 4000),
        "formant_depth": (0.3, 0.9),
    },
    "hum": {
        "voice": (1, 1),
        "pitch": (45, 250),
        "tilt": (0.6, 2),
        "call_share": (1.2, 1.5),
        "rough": (0, 0.01),
    },
    "bark": {
        "voice": (1, 1),
        "pitch": (180, 1100),
        "tilt": (0.3, 1.1),
        "call_rate": (0.8, 4),
        "call_share": (0.15, 0.45),
        "bend": (0.2, 1.0),
        "slide": (-0.6, 0.1),
        "rough": (0.05, 0.4),
        "breath": (0.1, 0.7),
        "formant_depth": (0.4, 0.9),
    },
    "cry": {
        "voice": (1, 1),
        "pitch": (260, 700),
        "tilt": (0.2, 1.0),
        "call_rate": (0.5, 1.4),
        "call_share": (0.5, 0.9),
        "bend": (0.05, 0.5),
        "slide": (-0.4, 0.2),
        "vibrato": (0, 0.08),
        "rough": (0.0, 0.2),
        "formant": (800, 3500),
        "formant_depth": (0.4, 0.9),
    },
    "crow": {
        "voice": (1, 1),
        "pitch": (350, 1300),
        "tilt": (0.1, 0.8),
        "call_rate": (0.3, 1.0),
        "call_share": (0.5, 0.9),
        "bend": (0.2, 0.9),
        "slide": (-0.3, 0.3),
        "rough": (0.02, 0.25),
        "formant": (1000, 4000),
        "formant_depth": (0.3, 0.9),
    },
    "moan": {
        "voice": (1, 1),
        "pitch": (80, 450),
        "tilt": (0.7, 2),
        "call_rate": (0.3, 1.2),
        "call_share": (0.5, 0.9),
        "bend": (-0.3, 0.6),
        "formant": (300, 1500),
        "formant_depth": (0.3, 0.9),
        "breath": (0, 0.4),
    },
    "chirp": {
        "voice": (1, 1),
        "pitch": (1500, 6000),
        "tilt": (2, 4),
        "call_rate": (2, 14),
        "call_share": (0.2, 0.8),
        "bend": (-0.6, 0.6),
        "slide": (-0.7, 0.7),
    },
    "insect": {
        "voice": (1, 1),
        "pitch": (2500, 7000),
        "tilt": (3, 4),
        "call_rate": (12, 60),
        "call_share": (0.3, 0.8),
        "bend": (0, 0),
        "rough": (0.01, 0.1),
    },
    "siren": {
        "voice": (1, 1),
        "pitch": (400, 1800),
        "tilt": (1, 3),
        "call_share": (1.2, 1.5),
        "vibrato": (0.1, 0.6),
        "vibrato_rate": (0.2, 6),
    },
    "beep": {
        "voice": (1, 1),
        "pitch": (400, 4000),
        "tilt": (1, 4),
        "call_rate": (0.8, 8),
        "call_share": (0.3, 0.8),
        "bend": (0, 0),
        "slide": (0, 0),
        "vibrato": (0, 0),
        "rough": (0, 0),
    },
    "burst": {
        "voice": (0, 0.5),
        "pitch": (100, 500),
        "call_rate": (0.4, 1.2),
        "breath": (1, 2),
        "call_share": (0.2, 0.5),
        "formant": (600, 4000),
        "formant_depth": (0.3, 0.9),
        "events": (0.5, 1.5),
        "event_rate": (0.4, 1.5),
        "grain_noise": (0.8, 1),
        "grain_decay": (0.03, 0.15),
        "grain_pitch": (600, 4000),
    },
    "explosion": {
        "events": (1, 1),
        "event_rate": (0.3, 1),
        "grain_noise": (0.95, 1),
        "grain_decay": (0.1, 0.5),
        "grain_pitch": (60, 500),
    },
}
FAMILY_NAMES = tuple(FAMILIES)
