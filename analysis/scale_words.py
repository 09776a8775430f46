"""A scaling study in words: its rows (the columns of scale.csv) as a table, and a paragraph that says what stops it."""

import math


def cell(value, digits=3):
    return value if isinstance(value, str) else f"{value:.{digits}g}" if value != "" else ""


def spread(row, clock):
    return " / ".join(cell(row[f"{clock}_ms_{of}"]) for of in ("min", "mean", "max") if f"{clock}_ms_{of}" in row) or "-"


def table(rows):
    """One line a size."""
    head = ["", "modules", "ranks", "shards", "steps/s", "samples/s", "efficiency", "compute ms", "wait ms", "transfer ms", "KB a step", "MiB a rank"]
    lines = [head]
    for row in rows:
        efficiency = f"{row['efficiency']:.3f}" if row["efficiency"] != "" else "oversubscribed" if row["oversubscribed"] == "yes" else "-"
        memory = f"{row['resident_max_bytes'] / 2**20:.0f}" if row.get("resident_max_bytes") else "-"
        traffic = cell(row["bytes_per_step"] / 1000) if row.get("bytes_per_step") not in (None, "") else "-"
        times = [spread(row, clock) for clock in ("compute", "wait", "transfer")]
        speeds = [f"{row['steps_per_s']:.4g}", f"{row['samples_per_s']:.5g}"]
        lines.append([row["source"], str(row["modules"]), str(row["ranks"]), str(row["shards"]), *speeds, efficiency, *times, traffic, memory])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["  ".join(word.ljust(width) if i == 0 else word.rjust(width) for i, (word, width) in enumerate(zip(line, widths))) for line in lines]
    return "\n".join(["(min / mean / max over ranks, of a step; medians over repeats)", text[0], "-" * len(text[0]), *text[1:]])


def count(n, word):
    return f"{n} {word}{'s' * (n != 1)}"


def sizes(rows):
    return f"{rows[0]['modules']} to {count(rows[-1]['modules'], 'module')}" if len(rows) > 1 else count(rows[0]["modules"], "module")


def bound(row):
    """What is left where each step lasts as long as the slowest of N equal modules: 1 / (1 + c sqrt(2 ln N)), c the deviation of a step over its mean."""
    return 1 / (1 + row["jitter"] * math.sqrt(2 * math.log(row["modules"])))


def busiest(row):
    """Milliseconds that the rank with most to do computes, its stimulus with it."""
    return row["compute_ms_max"] + row["stimulus_ms_max"]


def what_stops(first, last):
    """Where the greater part of what a step has grown by went."""
    lost = last["step_ms"] - first["step_ms"]
    if busiest(last) - busiest(first) >= 0.5 * lost and not last.get("jitter"):
        return (f"The busiest rank, {last['slowest']}, computes {busiest(last):.3g} ms a step where it was {busiest(first):.3g}, and all wait for it: it has more to do (attention, unless "
                "it is sharded and a unit's predictor reads a few), or cores share memory and clock.")
    if last["transfer_ms_max"] - first["transfer_ms_max"] >= 0.5 * lost:
        return f"Moving data grew most, to {last['transfer_ms_max']:.3g} ms where it takes longest: {last['bytes_per_step'] / 1000:.3g} KB cross in a step."
    if last.get("jitter"):
        return (f"Ranks wait for whoever is slowest in each step: with a deviation of {100 * last['jitter']:.3g} % no synchronous network of {last['modules']} modules "
                f"does better than {bound(last):.3f}.")
    return (f"Ranks wait {last['wait_ms_mean']:.3g} ms of it, though none has much more to do: regions take turns within a step, or messages are late. A delay on the context hides "
            "turns.")


def honest_words(rows):
    """About points of one source whose ranks had a core each."""
    first, last = rows[0], rows[-1]
    change = f"a step went from {first['step_ms']:.3g} to {last['step_ms']:.3g} ms"
    efficiency = last["efficiency"]
    said = f"{first['source'].capitalize()}, {first['mode']}, from {sizes(rows)}, {change}; efficiency {efficiency:.2f}."
    if efficiency >= 0.95:
        return f"{said} Nothing stops it up to here."
    return f"{said} {what_stops(first, last)}"


def crowded_words(rows, first):
    """About points with more ranks than cores: what can be said without calling it efficiency."""
    last = rows[-1]
    kept = last["work_per_s"] / first["work_per_s"]
    return (f"With more ranks than the {last['cores']} cores ({sizes(rows)}, up to {last['ranks']} ranks) no efficiency is quoted: there the scheduler is measured as well. "
            f"{last['ranks']} ranks did {kept:.2f} times the work a second of {first['ranks']}.")


def paragraph(rows):
    said = []
    for source in ("measured", "simulated"):
        mine = [row for row in rows if row["source"] == source]
        honest = [row for row in mine if row["efficiency"] != ""]
        crowded = [row for row in mine if row["oversubscribed"] == "yes"]
        if len(honest) > 1:
            said.append(honest_words(honest))
        elif honest:
            row = honest[0]
            said.append(f"Measured, {row['mode']}: {row['steps_per_s']:.4g} steps/s with {sizes(honest)} on {count(row['ranks'], 'rank')}, the only size with a core for each rank.")
        if crowded:
            said.append(crowded_words(crowded, mine[0]))
    model = [row for row in rows if row["source"] == "model"]
    if model:
        said.append(f"On paper (alpha-beta) it would be {model[-1]['efficiency']:.2f}.")
    return " ".join(said)
