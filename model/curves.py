"""Training curves of a champion's networks: TensorBoard files and one PNG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.champion_fit import Told

INCHES = (8.0, 4.5)
DPI = 120


class TensorBoard:
    """Scalars of each epoch, one run per network: ``FOLDER/MEMBER-SEED``; see them with ``tensorboard``.

    Args:
        folder: of all runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, object] = {}

    def __call__(self, told: Told) -> None:
        """Write an epoch; a reader sees it at once."""
        import tensorflow as tf

        run = f"{told.member}-{told.seed}"
        if run not in self._writers:
            self._writers[run] = tf.summary.create_file_writer(str(self._folder / run))
        writer = self._writers[run]
        with writer.as_default():  # type: ignore[attr-defined] # no types in tensorflow
            for name, value in (
                ("pinball/train", told.epoch.train_pinball),
                ("pinball/validation", told.epoch.val_pinball),
                ("seconds", told.epoch.seconds),
            ):
                if value == value:  # the untrained network has no training loss
                    tf.summary.scalar(name, value, step=told.epoch.number)
        writer.flush()  # type: ignore[attr-defined] # likewise

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()  # type: ignore[attr-defined] # likewise


def draw_curves(epochs: Sequence[Told], path: Path) -> None:
    """Write a PNG of the pinball losses by epoch, solid on validation and dotted in training.

    Args:
        epochs: of all networks, the untrained one of each first.
        path: of the picture.
    """
    from matplotlib.figure import Figure  # no pyplot: no state, no display

    runs: dict[str, list[Told]] = defaultdict(list)
    for told in epochs:
        runs[f"{told.member}, seed {told.seed}"].append(told)
    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for number, (name, run) in enumerate(runs.items()):
        color = f"C{number}"
        steps = [told.epoch.number for told in run]
        axes.plot(steps, [t.epoch.val_pinball for t in run], color=color, marker="o", label=name)
        axes.plot(steps, [t.epoch.train_pinball for t in run], color=color, linestyle=":")
        best = min(run, key=lambda t: t.epoch.val_pinball)
        axes.plot(best.epoch.number, best.epoch.val_pinball, color=color, marker="*", markersize=14)
        if number == 0:
            axes.axhline(run[0].epoch.val_pinball, color="gray", linewidth=1)
    axes.set_xlabel("epoch (0: untrained, the last close with EWMA bands)")
    axes.set_ylabel("mean pinball loss, sigmas")
    axes.set_title("solid: validation (star: kept), dotted: training")
    if runs:
        axes.legend(fontsize="small")
    figure.savefig(path)
