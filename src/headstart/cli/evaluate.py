"""`headstart evaluate`: what a model is worth on labelled data that it has not seen."""

from __future__ import annotations

from headstart.cli import options
from headstart.cli.bar import Bar
from headstart.cli.terminal import write_json


def evaluate(
    model: options.ModelFolder,
    data: options.Data,
    image: options.Image = None,
    audio: options.Audio = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    separator: options.Separator = None,
    strict: options.Strict = False,
    offline: options.Offline = False,
    device: options.Device = None,
    as_json: options.Json = False,
) -> None:
    """Judge a model on more labelled data."""
    with Bar() as progress:
        from headstart import devices
        from headstart.evaluate import evaluate as judge
        from headstart.model_folder import load

        loaded = load(model, offline=offline, device=device)
        if told := devices.describe(loaded.backbone.device):
            progress.say(told)
        evaluation = judge(
            loaded,
            data,
            image=image,
            audio=audio,
            text=text,
            label=label,
            group=group,
            separator=separator,
            strict=strict,
            progress=progress,
        )
    if as_json:
        write_json(evaluation)
        return
    from headstart.cli.summary import show_evaluation, show_set_aside

    show_evaluation(evaluation)
    show_set_aside(evaluation)
