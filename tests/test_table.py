"""Every cell and verdict of table.md, computed again from runs.csv by code of another kind."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats
from scipy.stats import binomtest, mannwhitneyu
from workspace import ROOT, read_yaml

from moaplus.plan.results import CLAIMS_TABLE, METRICS, RESULTS, report_of
from moaplus.plan.studies import load
from moaplus.report import glance
from moaplus.report.ledger import write_claims
from moaplus.report.metrics import write_metrics
from moaplus.report.table import write_table
from moaplus.report.titles import METHODS

TABLE = (ROOT / "results/table.md").read_text(encoding="utf-8")
RUNS = pd.read_csv(ROOT / "results/runs.csv")
COVERAGE = pd.read_csv(ROOT / "results/probes/interval_coverage.csv")
PARAMS = read_yaml(ROOT / "params.yaml")
STUDIES, TRAIN = PARAMS["studies"], PARAMS["train"]
REFERENCES = ("kmeans", "pca_gmm", "ae_kmeans")
NAMES = {title: name for name, title in METHODS.items()}
COLUMNS = {
    "NMI": "nmi", "ACC": "acc", "ARI": "ari", "mixed loss": "mixture_error",
    "routed loss": "routed_error", "loss on noise": "noise_error", "dominance": "dominance",
    "load entropy": "load_entropy", "NMI ceiling": "nmi_ceiling",
}  # fmt: skip
DIFFERENCE = {
    "nmi": (-1, 1), "mixture_error": (-np.inf, np.inf), "routed_error": (-np.inf, np.inf)
}  # fmt: skip
MARGINS = {"NMI": 0.02, "mixed loss": 0.0005}  # of equivalence
GAP = 0.15  # of an interval's width, by which two bootstraps of few values may differ
ROUNDING = {0.08: 0.005, 0.8: 0.05, 0.018: 0.0005, 0.008: 0.0005}  # of the paper's figures


def lines(table: str) -> Iterator[dict[str, str]]:
    """Lines of all tables by their headings, with the study and the images they are of."""
    study, images, headings = "paper", None, None  # the first table is the paper's
    for text in table.splitlines():
        if text.startswith("## "):
            study = re.search(r"`(\w+)`", text)[1] if "`" in text else "paper"
        if "training images" in text and not text.startswith("|"):
            images = text
        if not text.startswith("|"):
            headings = None
            continue
        cells = [cell.strip() for cell in text.split("|")[1:-1]]
        if headings is None:
            headings = cells
        elif cells[0].strip(":-"):
            yield {"images": images} | dict(zip(headings, cells, strict=True)) | {"study": study}


def selection_of(study: dict, images: str) -> str:
    """Return the selection that some words name."""
    (chosen,) = (
        f"mnist-{'all' if wanted['classes'] == 'all' else '+'.join(map(str, wanted['classes']))}"
        + ("" if wanted["images"] == "all" else f"-n{wanted['images']}")
        for wanted in study["selections"]
        if (wanted["classes"] == "all") == ("all ten" in images)
        and (wanted["images"] == "all" or f"{wanted['images']:,}" in images)
    )
    return chosen


def rows_in_words(runs: pd.DataFrame, line: dict, title: str, split: str) -> pd.DataFrame:
    """Rows of a method by params.yaml and what is said about the line, not by its query."""
    study, images = STUDIES[line["study"]], line["images"]
    reference = NAMES[title] in REFERENCES
    changes = {} if reference else study.get("train", {})
    M = line.get("M") or re.search(r"M = (\d+)|$", images)[1] or 2  # verdicts are of M = 2
    wanted = {
        "selection": selection_of(study, images),
        "experts": int(M),
        "method": NAMES[title],
        "split": split,
        "variant": ", ".join(f"{key}={value}" for key, value in changes.items()),
    }
    filled = runs.assign(variant=runs["variant"].astype(object).fillna(""))
    rows = runs[(filled[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    seeds = seeds_of(study)
    rows = rows[rows["seed"].isin(seeds)]
    assert sorted(rows["seed"]) == seeds
    return rows.set_index("seed").sort_index()


def seeds_of(study: dict) -> list[int]:
    """Return a study's seeds, listed or counted."""
    seeds = study["seeds"]
    return seeds if isinstance(seeds, list) else [seeds["first"] + k for k in range(seeds["count"])]


def interval(values: Iterable[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of some values, which many lines have in common."""
    return _interval(tuple(values))


@functools.cache
def _interval(numbers: tuple[float, ...]) -> tuple[float, float, float]:
    """Mean and 95 % beta bootstrap-t interval: of weighted means over their weighted spread."""
    values = np.array(numbers)
    centre, spread = values.mean(), values.std()
    if spread <= 1e-12:  # equal, except for rounding
        return centre, centre, centre
    weights = np.random.default_rng(1).beta(0.5, 1.5, (30_000, len(values)))
    sums = weights.sum(axis=1)
    means = weights @ values / sums
    spreads = np.sqrt((weights * (values - means[:, None]) ** 2).sum(axis=1) / sums)
    low, high = np.quantile((means - centre) / spreads, [0.025, 0.975])
    return centre, centre - high * spread, centre - low * spread


def is_of(cell: str, values: pd.Series, low: float, high: float) -> bool:
    """Tell whether a cell is the mean of these values, with their interval where it has one.

    The interval ends where the quantity does: at `low` and `high`.
    """
    values = values.dropna().to_numpy()
    if not cell or not len(values):
        return not cell and not len(values)
    if "collapsed" in cell:  # then one expert has nearly all images; `rows_collapsed` looks
        return cell == f"{len(values)} of {len(values)} collapsed"
    printed = np.array(re.findall(r"-?\d+\.\d+", cell), dtype=float)
    if ("(" in cell or "[" in cell) and not cell.endswith(f"({len(values)})"):
        return False
    rounding = 0.51 * 10 ** -len(cell.split()[0].split(".")[1])
    if len(printed) == 1:
        few = len(values) < 5 or np.ptp(values) == 0
        return few and abs(printed[0] - values.mean()) <= rounding
    whole = np.array(interval(values))
    error = np.array([0, GAP, GAP]) * np.ptp(whole[1:])
    expected = np.clip(whole, low, high)
    return bool((np.abs(printed - expected) <= rounding + error).all())


def verdicts(values: pd.Series, low: float, high: float) -> set[str]:
    """Return verdicts by the rule in prose: of a mean that should lie between `low` and `high`.

    Two, where the ends of the interval are too near to the limits for two bootstraps to agree.
    """
    if len(values) < 5:
        return {"can't be decided"}
    _, ours_low, ours_high = interval(values.to_numpy())
    found = set()
    for error in (-GAP * (ours_high - ours_low), GAP * (ours_high - ours_low)):
        start, end = ours_low - error, ours_high + error
        inside, outside = low <= start and end <= high, end < low or start > high
        found.add("holds" if inside else "does not hold" if outside else "can't be decided")
    return found


def rows_collapsed(rows: pd.DataFrame) -> bool:
    """Tell whether one of M experts has all images but 1/(10 M) or less in every run."""
    if rows["loads"].isna().any():  # of a reference method
        return False
    loads = rows["loads"].str.split().map(lambda words: sorted(map(float, words)))
    return bool(
        (loads.map(lambda load: sum(load[:-1])) < 0.1 / rows.reset_index()["experts"].iloc[0]).all()
    )


def rows_of(runs: pd.DataFrame, line: dict, title: str, split: str = "train") -> pd.DataFrame:
    """Rows of a method in a line, by its words; what stands under its table says the same."""
    found = rows_in_words(runs, line, title, split)
    groups = eval(groups_of(seeds_of(STUDIES[line["study"]])), {"runs": runs})
    chosen = groups.get_group((line["configuration"].strip("`"), split))
    keys = ["folder", "experts", "seed", "split"]
    assert_frame_equal(
        chosen.set_index(keys).sort_index(), found.reset_index().set_index(keys).sort_index()
    )
    return found


def groups_of(seeds: list[int]) -> str:
    """Say what stands under a table; a line's last column and a split are the key of a group."""
    assert seeds == list(range(seeds[0], seeds[-1] + 1))
    chosen = f"{seeds[0]} <= seed <= {seeds[-1]}"
    return f"runs.query('{chosen}').groupby(['configuration', 'split'])"


def claim_is_right(line: dict, runs: pd.DataFrame) -> bool:
    """Check a figure or comparison of the paper: with the budget of the line's study and longer."""
    later = [(heading, "long") for heading in line if "verdict after" in heading]
    right = True
    for heading, study in [("verdict", line["study"] if later else "seeds"), *later]:
        epochs = STUDIES[study].get("train", TRAIN)["epochs"]
        rows = runs if study == "paper" else pd.read_csv(ROOT / f"results/studies/{study}/runs.csv")
        of = line | {"study": study, "ours": line[f"{epochs} epochs"], "verdict": line[heading]}
        of_method = functools.partial(rows_in_words, rows, of)
        right &= outcome_is_right(of, of_method, heading == "verdict")
    return right


def single_runs_are_right(line: dict, runs: pd.DataFrame) -> bool:
    """Check how many runs round to a figure, where one more would be, and what follows."""
    headings = [heading for heading in line if heading.endswith("round to it")]
    for heading in headings:
        epochs = heading.partition(":")[0]
        n = int(line[heading].split()[2].strip(":"))
        study = {(6, 10): line["study"], (6, 200): "seeds", (200, 10): "long"}[
            int(epochs.split()[0]), n
        ]
        rows = runs if study == "paper" else pd.read_csv(ROOT / f"results/studies/{study}/runs.csv")
        name, of = re.match("(NMI|Mixed loss|Routed loss) of (.*)", line["claim"]).groups()
        found = rows_in_words(rows, line | {"study": study}, of, "train")
        values = found[COLUMNS[name if name == "NMI" else name.lower()]]
        figure = float(line["paper"])
        low, high = figure - ROUNDING[figure], figure + ROUNDING[figure]
        count = int(((values >= low) & (values <= high)).sum())
        exact = binomtest(count, n).proportion_ci(method="exact")
        if line[heading] != f"{count} of {n}: {count / n:.2f} [{exact.low:.2f}, {exact.high:.2f}]":
            return False
        said = line[f"{epochs}: one more run"]
        ends = [float(end) for end in re.findall(r"\d\.\d+", said)]
        if n < 39:
            half = stats.t.ppf(0.975, n - 1) * values.std() * (1 + 1 / n) ** 0.5
            expected = np.clip([values.mean() - half, values.mean() + half], 0, np.inf)
            expected = expected.clip(max=1) if name == "NMI" else expected
        else:
            expected = values.quantile([0.02, 0.98])  # between ranks, and near enough
        if not np.allclose(ends, expected, rtol=0.1, atol=0.001):
            return False
        outside = ends[1] < low or ends[0] > high
        word = (
            f"yes ({100 * count / n:.0f} % of runs)"
            if count
            else "no"
            if outside
            else f"not in {n} runs"
        )
        if line[f"{epochs}: could one run have shown it?"] != f"**{word}**":
            return False
    return bool(headings)


def failures_are_right(line: dict, runs: pd.DataFrame) -> bool:
    """Check the seeds of a configuration's failed trainings."""
    rows = runs[runs["configuration"] == line["configuration"].strip("`")]
    rows = rows[rows["split"] == "train"]
    for column in ("mixture_error", "worst_error"):
        start = "no better" if column == "mixture_error" else "an expert"
        (said,) = (cell for heading, cell in line.items() if heading.startswith(start))
        failed = [
            row["seed"] for _, row in rows.iterrows() if not row[column] < row["mean_image_error"]
        ]
        if said != ", ".join(map(str, failed)):
            return False
    return len(rows) == int(line["trainings"])


def glance_is_right(line: dict) -> bool:
    """Check the verdicts on one screen: each claim's line, which is computed again, has them so."""
    single = [other for other in lines(TABLE) if "claim" in other and "verdict" not in other]
    for heading, said in line.items():
        if not heading.endswith(" seeds"):
            continue
        images, epochs, seeds = re.fullmatch(r"(.*), (\d+ epochs), (\d+) seeds", heading).groups()
        (of,) = (
            other
            for other in lines(TABLE)
            if "verdict" in other
            and (other["images"], other["claim"]) == (images, line["claim"])
            and other.get(epochs, "").endswith((f"({seeds})", f"{seeds} of {seeds} collapsed"))
        )
        verdict = (
            of[f"verdict after {epochs}"] if f"verdict after {epochs}" in of else of["verdict"]
        )
        mean = of[epochs] if "collapsed" in of[epochs] else of[epochs].split()[0]
        answers = [
            other[f"{epochs}: could one run have shown it?"].strip("*")
            for other in single
            if (other["images"], other["claim"]) == (images, line["claim"])
            and f" of {seeds}: " in other.get(f"{epochs}: runs that round to it", "")
        ]
        one = "".join(f"; one run: {answer}" for answer in answers)
        if said != f"**{verdict.strip('*').split(' (')[0]}**: {mean}{one}":
            return False
    return True


def outcome_is_right(line: dict, rows: Callable, first: bool) -> bool:
    """Check one verdict on a claim; `rows(title, split)` are those of a method."""
    name, kind, of = re.match("(NMI|Mixed loss|Routed loss)( of |: )(.*)", line["claim"]).groups()
    column = COLUMNS[name if name == "NMI" else name.lower()]
    if kind == ": ":
        ours, other = (rows(title, "train")[column] for title in ("MoA+", "Standard MoA"))
        values, (low, high) = ours - other, (0, np.inf) if "higher" in of else (-np.inf, 0)
        said = line["probability of improvement"]
        if first and not is_improvement(
            said, *((ours, other) if "higher" in of else (other, ours))
        ):
            return False
    else:
        values, figure = rows(of, "train")[column], float(line["paper"])
        low, high = figure - ROUNDING[figure], figure + ROUNDING[figure]
    said = line["verdict"].strip("*").split(" (")[0]
    limits = DIFFERENCE[column] if kind == ": " else (0, np.inf if column != "nmi" else 1)
    return is_of(line["ours"], values, *limits) and said in verdicts(values, low, high)


def is_improvement(said: str, larger: pd.Series, smaller: pd.Series) -> bool:
    """Tell whether the first is the larger in this share of all pairs of runs."""
    share = mannwhitneyu(larger, smaller).statistic / (len(larger) * len(smaller))
    probability, *ends = map(float, re.findall(r"\d\.\d+", said))
    if ends and not ends[0] <= probability <= ends[1]:
        return False
    return abs(share - probability) <= 0.0051 and (len(ends) == 2) == (len(larger) >= 5)


def comparison_is_right(line: dict, runs: pd.DataFrame) -> bool:
    """Check MoA+ minus another objective."""
    for heading in ("NMI", "mixed loss"):
        column = COLUMNS[heading]
        ours, other = (
            rows_in_words(runs, line, name, "train")[column] for name in ("MoA+", line["other"])
        )
        better = (ours, other) if heading == "NMI" else (other, ours)
        if not is_improvement(line[f"probability of improvement, {heading}"], *better):
            return False
        values = ours - other
        limit = MARGINS[heading]
        inside = {"equivalent": (-limit, limit), "higher": (0, np.inf), "lower": (-np.inf, 0)}
        said = re.findall(r"equivalent|higher|lower", line[f"its {heading} is"])
        if not all("holds" in verdicts(values, *inside[word]) for word in said):
            return False
        if not said and "can't be decided" not in verdicts(values, *inside["higher"]):
            return False
        if not is_of(line[heading], values, *DIFFERENCE[column]):
            return False
    return True


def means_are_right(line: dict, runs: pd.DataFrame) -> bool:
    """Check a line of means, each heading with its split where that is not the training images."""
    headings = [heading.partition(", ") for heading in line]
    means = [(name, split) for name, _, split in headings if name in COLUMNS]
    assert len(means) >= 6
    for name, split in means:
        cell = line[f"{name}, {split}" if split else name]
        rows = rows_of(runs, line, line["method"], split or "train")
        low, high = -0.5 if name == "ARI" else 0, np.inf if "loss" in name else 1
        if not is_of(cell, rows[COLUMNS[name]], low, high):
            return False
        if ("collapsed" in cell) != (name == "NMI" and rows_collapsed(rows)):
            return False
        if "[" in cell and ("†" in cell) != is_rarely_right(rows, COLUMNS[name]):
            return False
    return True


def is_rarely_right(rows: pd.DataFrame, column: str) -> bool:
    """Tell whether under 90 % of such intervals held the mean, at the nearest number of seeds."""
    coverage = {
        row["n"]: row["beta_bootstrap_t"]
        for _, row in COVERAGE.iterrows()
        if (row["method"], row["column"]) == (rows.iloc[0]["method"], column)
    }
    return bool(coverage) and coverage[min(coverage, key=lambda n: abs(n - len(rows)))] < 0.9


def is_right(line: dict, runs: pd.DataFrame) -> bool:
    """Tell whether a line's words and its query name the same rows, and they give its cells."""
    if "claim" in line:
        return (claim_is_right if "verdict" in line else single_runs_are_right)(line, runs)
    if "trainings" in line:
        return failures_are_right(line, runs)
    return (comparison_is_right if "other" in line else means_are_right)(line, runs)


def wrong(table: str, runs: pd.DataFrame) -> list[dict]:
    """Lines of a table that are not what their rows give."""
    found = list(lines(table))
    assert len(found) > 40
    return [line for line in found if not is_right(line, runs)]


def test_every_cell_and_verdict_of_the_table_follows_from_its_rows():
    assert wrong(TABLE, RUNS) == []


def test_what_stands_under_a_table_selects_the_rows_of_its_lines():
    printed = re.findall(r"`(runs\.query[^`]*)`", TABLE)
    wanted = {line["study"] for line in lines(TABLE) if "method" in line}
    assert set(printed) == {groups_of(seeds_of(STUDIES[study])) for study in wanted}


def test_the_verdicts_on_one_screen_are_those_of_the_table(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = glance.at_a_glance(load())
    assert [len(line) for line in found] == [2 + 5] * 9
    assert all(glance_is_right(line) for line in found)
    assert not glance_is_right(found[0] | {"digits 0 and 1, 6 epochs, 10 seeds": "**holds**: 0"})


def swapped(runs: pd.DataFrame, column: str, one: str, other: str) -> pd.DataFrame:
    """Exchange the values of two kinds of rows, their places kept."""
    runs = runs.copy()
    scores = [c for c in runs.columns if runs[c].dtype == float]
    keys = ["selection", "experts", "seed", "split", "method", "variant"]
    index = runs.fillna({"variant": ""}).set_index(keys)
    partner = index.rename({one: other, other: one}, level=column).index
    runs[scores] = index[scores].reindex(partner).to_numpy()
    return runs


def replaced_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave one seed out of every mean: the next one stands in its place."""
    runs = runs.copy()
    scores = [c for c in runs.columns if runs[c].dtype == float]
    one, next_one = (runs.index[runs["seed"] == seed] for seed in (1, 2))
    runs.loc[one[: len(next_one)], scores] = runs.loc[next_one, scores].to_numpy()[: len(one)]
    return runs


@pytest.mark.parametrize(
    "damaged",
    [
        swapped(RUNS, "split", "train", "test"),
        swapped(RUNS, "method", "moa", "moa_plus"),
        replaced_seed(RUNS),
    ],
    ids=["a swapped split", "a swapped method", "a dropped seed"],
)
def test_a_table_of_other_rows_is_noticed(damaged):
    assert len(wrong(TABLE, damaged)) > 10


def test_a_verdict_that_does_not_follow_is_noticed():
    assert TABLE.count("**does not hold (the opposite does)**")
    assert wrong(TABLE.replace("**does not hold (the opposite does)**", "**holds**"), RUNS)


def failed(runs: pd.DataFrame, folders: Iterable[str], reason: str) -> pd.DataFrame:
    """Return the rows that there would be, had the training of some runs failed."""
    folders = list(folders)
    kept = ["selection", "experts", "method", "seed", "split", "folder"]
    rows = runs[runs["folder"].isin(folders) & (runs["split"] == "train")][kept]
    others = runs[~runs["folder"].isin(folders)]
    return pd.concat([others, rows.assign(failed=reason)], ignore_index=True)


@pytest.fixture
def with_failed_runs(tmp_path, monkeypatch) -> list[str]:
    """Our results, had one run of MoA+ failed on two digits, and all of MoA on ten."""
    images = RUNS["folder"].str.startswith("models/mnist-all-n12665/cae/M2/")
    lost = RUNS.loc[images & (RUNS["method"] == "moa"), "folder"]
    folders = sorted({*lost, "models/mnist-0+1/cae/M2/moa_plus/seed3"})
    (tmp_path / "results").mkdir()
    failed(RUNS, folders, "diverged in epoch 2").to_csv(tmp_path / "results/runs.csv", index=False)
    for name in ("params.yaml", "results/records", "results/audit.csv", "results/probes"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return folders


def test_failed_runs_are_named_and_in_no_mean(with_failed_runs):
    plan = load()
    write_table(report_of(plan, RESULTS), plan)
    table = (RESULTS / "table.md").read_text(encoding="utf-8")
    assert f"Failed, and in no mean below: {len(with_failed_runs)}." in table
    named = re.findall("^- `(models/.*)`: diverged in epoch 2$", table, re.M)
    assert sorted(named) == with_failed_runs
    found = [
        x for x in lines(table) if x["study"] == "paper" and ("claim" in x) == ("verdict" in x)
    ]
    two = next(x for x in found if x.get("claim") == "NMI of MoA+")
    assert two["6 epochs"].endswith("(9)")
    ten = {x["claim"]: x for x in found if "claim" in x and x["images"].startswith("all ten")}
    for claim in ("NMI of Standard MoA", "NMI: MoA+ higher than MoA"):
        assert ten[claim]["6 epochs"] == ""
        assert ten[claim]["verdict"] == "**can't be decided (fewer than 5 seeds)**"
    assert ten["NMI of MoA+"]["6 epochs"].endswith("(10)")


def test_claims_and_metrics_go_on_without_failed_runs(with_failed_runs):
    plan = load()
    write_claims(plan)
    write_metrics(plan)
    assert "can't be decided (fewer than 5 seeds)" in CLAIMS_TABLE.read_text(encoding="utf-8")
    said = glance.verdicts(plan)
    assert re.search(
        "Standard MoA: 0.08 +does not hold, 10 of 10 collapsed; one run: no +"
        "can't be decided, no runs; one run: not in 0 runs",
        said,
    )
    means = json.loads((METRICS / "mnist-all-n12665.json").read_text(encoding="utf-8"))
    assert means["moa"] == {"nmi": None, "loss": None}
    assert means["moa_plus"]["nmi"] > 0
