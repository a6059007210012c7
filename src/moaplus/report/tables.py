"""results/table.md and results/metrics.json, from results/runs.csv."""

import json

import pandas as pd
import safetensors

from moaplus import plan as paths
from moaplus.files import UserError, whole_file
from moaplus.plan import Plan, Run, Selection, Study
from moaplus.report.claims import (
    PAPER_COMPARISONS,
    PAPER_FIGURES,
    RULE,
    comparison_verdict,
    figure_verdict,
)
from moaplus.report.runs import read_runs
from moaplus.report.statistics import Estimate, estimate

NAMES = {
    "moa": "Standard MoA",
    "moa_plus": "MoA+",
    "kmeans": "k-means",
    "pca_gmm": "PCA (50) + Gaussian mixture",
}
LOSSES = {"mixture_error": "mixed", "routed_error": "routed"}
DIGITS = {"nmi": 3, "acc": 3, "ari": 3, "mixture_error": 4, "routed_error": 4, "dominance": 2}
ABSENT = ""


def write_table(plan: Plan) -> None:
    """Write the table and the metrics of the default studies."""
    runs = read_runs()
    parts = ["# Does MoA+ do what the paper claims?", INTRODUCTION]
    for name in plan.default:
        study = plan.studies[name]
        parts += _paper(study, runs) if name == "paper" else _counts(study, runs)
    parts += _what_was_run(plan)
    with whole_file(paths.TABLE) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    with whole_file(paths.METRICS) as temporary:
        temporary.write_text(json.dumps(metrics(runs), indent=2) + "\n", encoding="utf-8")


INTRODUCTION = """\
Every cell is a mean over seeds with a 95 % bootstrap interval. NMI (arithmetic mean) compares the
gate's argmax with the labels, which training never sees; its ceiling is the most that so many
clusters can reach. Loss is the mean squared error per pixel, grey values in [0, 1], of the mixed
reconstruction Σ p x̂ (*mixed*) or of the expert with the largest concentration (*routed*): the
paper does not say which it means. Clusters are scored on the training images, as is the custom in
clustering, and on the test images of the same classes."""


def metrics(runs: pd.DataFrame) -> dict:
    """Means over seeds on the training images: selection -> method -> M -> score."""
    scores = ["nmi", "acc", "ari", "mixture_error", "routed_error"]
    means = runs[runs["split"] == "train"].groupby(["selection", "method", "experts"])[scores]
    result: dict = {}
    for (selection, method, experts), row in means.mean().iterrows():
        values = {score: round(value, 6) for score, value in row.dropna().items()}
        result.setdefault(selection, {}).setdefault(method, {})[f"M{experts}"] = values
    return result


def rows_of(
    runs: pd.DataFrame, study: Study, selection: Selection, experts: int, method: str, split: str
) -> pd.DataFrame:
    """A study's rows of runs.csv for one cell of a table, sorted by seed."""
    seeds = {run.seed for run in study.runs}
    folders = {run.folder.as_posix() for run in study.runs}
    chosen = runs[
        (runs["selection"] == selection.name)
        & (runs["experts"] == experts)
        & (runs["method"] == method)
        & (runs["split"] == split)
        & runs["seed"].isin(seeds)
    ]
    if method not in paths.REFERENCES:
        chosen = chosen[chosen["folder"].isin(folders)]
    return chosen.sort_values("seed")


def _selections(study: Study) -> list[Selection]:
    return list(dict.fromkeys(run.selection for run in study.runs))


def _counts_of_experts(study: Study) -> list[int]:
    return list(dict.fromkeys(run.experts for run in study.runs))


def _methods(study: Study) -> list[str]:
    return [*dict.fromkeys(run.objective for run in study.runs), *paths.REFERENCES]


def _cell(rows: pd.DataFrame, quantity: str) -> str:
    values = rows[quantity].dropna()
    return estimate(values).format(DIGITS[quantity]) if len(values) else ABSENT


def _markdown(rows: list[dict]) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def _title(selection: Selection, n: int) -> str:
    ten = len(selection.classes) == paths.N_CLASSES
    classes = "all ten classes" if ten else "classes " + ", ".join(map(str, selection.classes))
    kind = "all of their" if selection.images is None else "a stratified subset of"
    return f"{selection.dataset}, {classes}, {kind} {n:,} training images"


def _paper(study: Study, runs: pd.DataFrame) -> list[str]:
    parts = [
        "## The paper's table beside ours",
        'The paper says only "MNIST, M = 2": it names neither the classes nor the number of '
        "images, so both readings are run.",
    ]
    for selection in _selections(study):
        for experts in _counts_of_experts(study):
            parts += _paper_reading(study, runs, selection, experts)
    return [*parts, "### The rule of the verdicts", RULE]


def _paper_reading(
    study: Study, runs: pd.DataFrame, selection: Selection, experts: int
) -> list[str]:
    def rows(method: str, split: str) -> pd.DataFrame:
        return rows_of(runs, study, selection, experts, method, split)

    claimed = {(figure.method, figure.quantity): figure.value for figure in PAPER_FIGURES}
    table = []
    for method in _methods(study):
        train, test = rows(method, "train"), rows(method, "test")
        table.append(
            {
                "method": NAMES[method],
                "paper NMI": claimed.get((method, "nmi"), ABSENT),
                "NMI": _cell(train, "nmi"),
                "NMI, test": _cell(test, "nmi"),
                "NMI ceiling": f"{train['nmi_ceiling'].iloc[0]:.3f}",
                "paper loss": claimed.get((method, "loss"), ABSENT),
                "mixed loss": _cell(train, "mixture_error"),
                "routed loss": _cell(train, "routed_error"),
                "mixed loss, test": _cell(test, "mixture_error"),
                "seeds": len(train),
            }
        )
    n = rows(_methods(study)[0], "train")["n"].iloc[0]
    return [
        f"### M = {experts}: {_title(selection, n)}",
        _markdown(table),
        _markdown(_verdicts(rows)),
    ]


def _verdicts(rows) -> list[dict]:
    """A row for each figure and each comparison that the paper prints, on the training images."""
    table = []
    for figure in PAPER_FIGURES:
        for quantity, kind in _quantities(figure.quantity).items():
            measured = estimate(rows(figure.method, "train")[quantity])
            table.append(
                {
                    "claim": f"{kind} of {NAMES[figure.method]}",
                    "paper": f"{figure.value}",
                    "ours": measured.format(DIGITS[quantity]),
                    "verdict": f"**{figure_verdict(figure, measured)}**",
                }
            )
    for claimed, sign in PAPER_COMPARISONS.items():
        for quantity, kind in _quantities(claimed).items():
            ours, standard = rows("moa_plus", "train"), rows("moa", "train")
            difference = paired_difference(ours, standard, quantity)
            table.append(
                {
                    "claim": f"{kind}: MoA+ {'higher' if sign > 0 else 'lower'} than MoA",
                    "paper": "difference " + ("> 0" if sign > 0 else "< 0"),
                    "ours": difference.format(DIGITS[quantity]),
                    "verdict": f"**{comparison_verdict(sign, difference)}**",
                }
            )
    return table


def _quantities(claimed: str) -> dict[str, str]:
    if claimed == "nmi":
        return {"nmi": "NMI"}
    return {quantity: f"{kind.capitalize()} loss" for quantity, kind in LOSSES.items()}


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, quantity: str) -> Estimate:
    """Mean over seeds of first minus second; runs of one seed share first weights and batches."""
    pairs = first.merge(second, on="seed", suffixes=("_first", "_second"), validate="1:1")
    return estimate(pairs[f"{quantity}_first"] - pairs[f"{quantity}_second"])


def _counts(study: Study, runs: pd.DataFrame) -> list[str]:
    parts = [f"## Study `{study.name}`: by number of experts"]
    for selection in _selections(study):
        table = []
        for experts in _counts_of_experts(study):
            for method in _methods(study):
                train = rows_of(runs, study, selection, experts, method, "train")
                test = rows_of(runs, study, selection, experts, method, "test")
                table.append(
                    {
                        "M": experts,
                        "method": NAMES[method],
                        "NMI": _cell(train, "nmi"),
                        "NMI ceiling": f"{train['nmi_ceiling'].iloc[0]:.3f}",
                        "ACC": _cell(train, "acc"),
                        "ARI": _cell(train, "ari"),
                        "mixed loss": _cell(train, "mixture_error"),
                        "routed loss": _cell(train, "routed_error"),
                        "dominance": _cell(train, "dominance"),
                        "NMI, test": _cell(test, "nmi"),
                        "seeds": len(train),
                    }
                )
        parts += [_title(selection, train["n"].iloc[0]) + ".", _markdown(table)]
    return parts


def _what_was_run(plan: Plan) -> list[str]:
    run = next(iter(plan.runs.values()))
    budget = sorted({run.training for run in plan.runs.values()}, key=str)
    made_on = sorted({_made_on(run) for run in plan.runs.values()})
    lines = [
        f"- {len(plan.runs)} trainings (studies {', '.join(plan.default)}; shared runs train once),"
        " with the same budget for every objective.",
        f"- Experts and gate: `{run.network.architecture}`, channels {run.network.channels}, "
        f"latent {run.network.latent}.",
    ]
    lines += [
        f"- Budget: {training.epochs} epochs, batch {training.batch_size}, one-cycle Adam up to "
        f"{training.learning_rate:g}, ridge {training.ridge:g}, {training.precision}."
        for training in budget
    ]
    lines += [f"- Trained on {made_on_line}." for made_on_line in made_on]
    lines += [f"- Run time: {_run_time(plan)}"]
    return ["## What was run, on what, how long", "\n".join(lines)]


def _made_on(run: Run) -> str:
    """Device and version of torch, as the model itself records them."""
    try:
        with safetensors.safe_open(run.model, framework="numpy") as model:
            origin = json.loads(model.metadata()["origin"])
        return f"{origin['device']} with torch {origin['torch']}"
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run.model}: damaged ({error}); delete it and train again") from error


def _run_time(plan: Plan) -> str:
    """Sum of Snakemake's benchmark records; they are not versioned, so some may be absent."""
    files = [run.benchmark for run in plan.runs.values() if run.benchmark.exists()]
    if not files:
        return "not recorded here."
    record = pd.concat([pd.read_csv(file, sep="\t") for file in files])
    return (
        f"{record['s'].sum():,.0f} s in {len(record)} training processes of one thread, "
        f"at most {record['max_rss'].max():,.0f} MB each."
    )
