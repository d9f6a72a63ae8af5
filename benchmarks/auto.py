"""How near `auto` comes to the best single strategy, from what benchmarks/depth.py has run.

    python benchmarks/auto.py

For each set and number of labels in which `auto` was run: the strategy with the highest macro-F1 on
the test (mean over the draws that both have; `scratch` and `plain` count too), how many points
`auto` is below it, and how many more of the test's examples it answers rightly, with a 95 %
interval, paired. The best is chosen by the very test that it is judged by, so that part of the gap
is luck: of several equally good strategies one is always ahead. That bias is against `auto`.
"""

from __future__ import annotations

import numpy as np

from depth import in_order, read_results, right, told
from headstart.metrics import paired

AUTO = "auto"


def main() -> None:
    found, gaps, below = read_results(), [], 0
    print(
        "| backbone; set, labels a class | best | macro-F1 | `auto` (ships) | less the best |",
        end="",
    )
    print(" right answers less its | draws |\n|---|---|---|---|---|---|---|")
    for key in in_order(found):
        ours = found[key].get(AUTO, {})
        scores = {}
        for name, runs in found[key].items():
            if name != AUTO and set(ours) & set(runs):
                scores[name] = np.mean(
                    [runs[at]["macro_f1"] for at in sorted(set(ours) & set(runs))]
                )
        if not scores:
            continue
        best = max(scores, key=lambda name: scores[name])
        theirs = found[key][best]
        draws = sorted(set(ours) & set(theirs))
        own = float(np.mean([ours[at]["macro_f1"] for at in draws]))
        gap = paired(right([theirs[at] for at in draws]), right([ours[at] for at in draws]))
        gaps.append(100 * (own - scores[best]))
        below += gap.high < 0
        ships = ", ".join(sorted({ours[at]["shipped"] for at in draws}))
        print(
            f"| {key[0]}; {key[1]}, {key[2] or 'all'} | {best} | {100 * scores[best]:.1f} "
            f"| {100 * own:.1f} ({ships}) | {gaps[-1]:+.1f} | {told(gap)} | {len(draws)} |"
        )
    print(
        f"\n`auto` less the best, macro-F1: {np.mean(gaps):+.1f} points on average over "
        f"{len(gaps)} cells; surely fewer right answers in {below}."
    )


if __name__ == "__main__":
    main()
