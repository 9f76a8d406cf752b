"""The public expression macros, evaluated by DuckDB on arrays, against numpy & Co.

All expressions are compiled in one dbt invocation, as a user's model would call them
(their own project, with the package's variables at their defaults).
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pytest
import sklearn.metrics
from scipy import stats
from scipy.special import entr

from harness import UserProject, messages
from oracle import Z_95, normalized

EPSILON = 1e-15

SPELLINGS = [
    *("1", "0", "1.0", "0.0", "1.00", "0.000", "1.", "01", "10", "100", "100.0"),
    *("true", "True", "TRUE", " true ", "false", "False", "true.0", "truely", "t"),
    *(" 1 ", "  Yes", "yes", "YES ", "on time", "On_Time", "", " ", ".0", "0.", "."),
    *("1.0.0", "1.00.0", "-1.0", "1e0", "2.50", "2.5", "v1.0", "1.0 ", "1.0%"),
    *("it's", "É", "straße", "NULL", "none", "nan"),
]

CLASSES = "['no', 'it''s', 'yes']".replace("''", "\\'")
EXPRESSIONS = {
    "normal_upper_tail": "{{ log_loss.normal_upper_tail('z') }}",
    "student_t_deviate": "{{ log_loss.student_t_deviate('t', 'df') }}",
    "student_t_upper_tail": "{{ log_loss.student_t_upper_tail('t', 'df', 'deviate') }}",
    "normal_quantile": "{{ log_loss.normal_quantile('p') }}",
    "student_t_quantile": "{{ log_loss.student_t_quantile('deviate', 'df') }}",
    "bounded_autocorrelation": "{{ log_loss.bounded_autocorrelation('r') }}",
    "variance_inflation": "{{ log_loss.variance_inflation('r') }}",
    "degrees_of_freedom": (
        "{{ log_loss.degrees_of_freedom("
        "log_loss.effective_day_count('n', 'r'), fitted=2) }}"
    ),
    "p_value_of_increase": (
        "{{ log_loss.p_value_of_increase('increase', 't', 'df', 'deviate') }}"
    ),
    "score_bin_edges": "{{ log_loss.score_bin_edges() | join(', ') }}",
    "score_bin": "{{ log_loss.score_bin('p') }}",
    "score_decile": "{{ log_loss.score_decile('bin') }}",
    "loss_bin": "{{ log_loss.loss_bin('x') }}",
    "loss_bin_value": "{{ log_loss.loss_bin_value('bin') }}",
    "score_bin_start": "{{ log_loss.score_bin_start('bin') }}",
    "feature_bin": "{{ log_loss.feature_bin('x') }}",
    "feature_bin_wide": "{{ log_loss.feature_bin('x', 0.5) }}",
    "feature_bin_start": "{{ log_loss.feature_bin_start('bin') }}",
    "feature_bin_start_wide": "{{ log_loss.feature_bin_start('bin', 0.5) }}",
    "focal_loss": "{{ log_loss.focal_loss('label', 'p') }}",
    "focal_loss_of": "{{ log_loss.focal_loss_of('p', gamma=0.5, epsilon=0.01) }}",
    "binary_cross_entropy": "{{ log_loss.binary_cross_entropy('s', 'p') }}",
    "wide_binary_cross_entropy": (
        "{{ log_loss.binary_cross_entropy('s', 'p', epsilon=0.01) }}"
    ),
    "clip": "{{ log_loss.clip_probability('p') }}",
    "wide_clip": "{{ log_loss.clip_probability('p', epsilon=0.01) }}",
    "negative_log_likelihood": "{{ log_loss.negative_log_likelihood('p') }}",
    "row_log_loss": "{{ log_loss.row_log_loss('label', 'p') }}",
    "wide_row_log_loss": "{{ log_loss.row_log_loss('label', 'p', epsilon=0.01) }}",
    "mean_log_loss": "{{ log_loss.mean_log_loss('label', 'p') }}",
    "text_row_log_loss": (
        "{{ log_loss.row_log_loss('label', 'p', classes=['no', 'yes']) }}"
    ),
    "multiclass_row_log_loss": (
        f"{{{{ log_loss.row_log_loss('label', ['a', 'b', 'c'], classes={CLASSES}) }}}}"
    ),
    "multiclass_mean_log_loss": (
        f"{{{{ log_loss.mean_log_loss('label', ['a', 'b', 'c'], classes={CLASSES}) }}}}"
    ),
    "brier_score": "{{ log_loss.brier_score('label', 'p') }}",
    "multiclass_brier_score": (
        f"{{{{ log_loss.brier_score('label', ['a', 'b', 'c'], classes={CLASSES}) }}}}"
    ),
    "spherical_score": "{{ log_loss.spherical_score('label', 'p') }}",
    "multiclass_spherical_score": (
        f"{{{{ log_loss.spherical_score('label', ['a', 'b', 'c'], classes={CLASSES}) }}}}"
    ),
    "entropy": "{{ log_loss.entropy(['a', 'b', 'c']) }}",
    "binary_entropy": "{{ log_loss.entropy(['(1 - p)', 'p']) }}",
    "squared_log_probability": (
        "{{ log_loss.squared_log_probability(['a', 'b', 'c']) }}"
    ),
    "predicted_class": "{{ log_loss.predicted_class(['a', 'b', 'c']) }}",
    "binary_predicted_class": "{{ log_loss.predicted_class(['(1 - p)', 'p']) }}",
    "safe_divide": "{{ log_loss.safe_divide('a + 1', 'b - 1') }}",
    "sample_stddev": "{{ log_loss.sample_stddev('s', 'q', 'n') }}",
    "ci_lower": "{{ log_loss.confidence_interval('lower', 'm', 's', 'n') }}",
    "ci_upper": "{{ log_loss.confidence_interval('upper', 'm', 's', 'n', 'r') }}",
    "ci_90": "{{ log_loss.confidence_interval('upper', 'm', 's', 'n', z=1.645) }}",
    "normalized_entropy": "{{ log_loss.normalized_entropy('m', 'h') }}",
    "perplexity": "{{ log_loss.perplexity('m') }}",
    "normalize_label": "{{ log_loss.normalize_label('label') }}",
    "normalized_spellings": (
        "[{% for spelling in " + json.dumps(SPELLINGS) + " %}"
        "{{ log_loss.normalized_spelling(spelling) | tojson }}"
        "{{ ', ' if not loop.last }}{% endfor %}]"
    ),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each expression as SQL, from a single inline query that is never run."""
    directory = tmp_path_factory.mktemp("macros")
    inline = "".join(f"--{name}--{jinja}" for name, jinja in EXPRESSIONS.items())
    result = compile_inline(directory, inline)
    assert result.success, messages(result)
    pieces = result.result.results[0].node.compiled_code.split("--")[1:]
    sql = dict(zip(pieces[::2], pieces[1::2], strict=True))
    assert sql.keys() == EXPRESSIONS.keys()
    return sql


def compile_inline(directory: Path, inline: str):
    project = UserProject(directory / "warehouse.duckdb", directory / "target")
    return project.invoke("compile", "--inline", inline)


def evaluate(sql: str, **columns: list) -> list:
    """The expression on each row; NaN stays NaN and None is null.

    Numbers travel as text, in full precision: as parameters, NaN would become null.
    """
    rows = list(zip(*columns.values(), strict=True))
    arrays = ", ".join(
        f"cast(unnest(?::varchar[]) as {sql_type(column)}) as {name}"
        for name, column in columns.items()
    )
    texts = [
        [None if value is None else str(value) for value in column]
        for column in columns.values()
    ]
    with duckdb.connect() as connection:
        query = f"select {sql} from (select {arrays})"
        values = [row[0] for row in connection.execute(query, texts).fetchall()]
    assert len(values) in (1, len(rows))
    return values


def sql_type(column: list) -> str:
    kinds = {type(value) for value in column if value is not None}
    names = {str: "varchar", bool: "boolean", int: "bigint"}
    return names[kinds.pop()] if kinds in ({str}, {bool}, {int}) else "double"


def floats(values: np.ndarray) -> list[float]:
    return [float(value) for value in values]


# ------------------------------------------------------------------ score bins


def edges() -> list[float]:
    """1-2-5 steps per decade, hundredths, and the small ones mirrored above 0.99."""
    small = [Decimal(s).scaleb(-k) for k in range(8, 2, -1) for s in (1, 2, 5)]
    hundredths = [Decimal(n) / 100 for n in range(1, 100)]
    mirrored = [1 - edge for edge in reversed(small)]
    return [float(edge) for edge in (*small, *hundredths, *mirrored)]


def probabilities_around_edges() -> list[float]:
    """Every edge and the floats next to it, and arithmetic that nearly makes one."""
    at = np.array([0.0, *edges(), 1.0])
    around = np.concatenate([at, np.nextafter(at, -1), np.nextafter(at, 2)])
    computed = np.concatenate([0.01 * np.arange(101), 1 - np.arange(101) / 100])
    drawn = np.random.default_rng(0).uniform(size=5000)
    tiny = 10 ** np.random.default_rng(1).uniform(-12, 0, size=2000)
    extreme = np.array([5e-324, 1e-300, 1 - 1e-16, 0.07, 0.55])
    all_of_them = np.concatenate([around, computed, drawn, tiny, 1 - tiny, extreme])
    return floats(all_of_them[(all_of_them >= 0) & (all_of_them <= 1)])


def test_the_edges_are_the_documented_ones(compiled: dict[str, str]) -> None:
    written = compiled["score_bin_edges"].split(", ")
    assert [float(edge) for edge in written] == edges()
    assert len(written) == 135
    assert sorted(map(Fraction, written)) == list(map(Fraction, written))


def test_score_bin_is_numpy_digitize(compiled: dict[str, str]) -> None:
    p = probabilities_around_edges()
    expected = np.digitize(p, edges(), right=True)
    actual = evaluate(compiled["score_bin"], p=p)
    wrong = [
        (value, bin_, int(right))
        for value, bin_, right in zip(p, actual, expected, strict=True)
        if bin_ != right
    ]
    assert wrong == []


def test_score_bin_is_null_outside_0_to_1(compiled: dict[str, str]) -> None:
    p = [None, float(np.nextafter(1, 2)), math.inf, math.nan]
    assert evaluate(compiled["score_bin"], p=p) == [None] * 4


def test_score_decile_is_numpy_digitize(compiled: dict[str, str]) -> None:
    """Also of the bin: the edges of deciles are edges of bins."""
    p = probabilities_around_edges()
    bins = evaluate(compiled["score_bin"], p=p)
    tenths = [float(Decimal(n) / 10) for n in range(1, 10)]
    expected = [int(n) for n in np.digitize(p, tenths, right=True)]
    assert evaluate(compiled["score_decile"], bin=bins) == expected
    assert evaluate(compiled["score_decile"], bin=[None, 5]) == [None, 0]


# ------------------------------------------------------------------ loss bins


def losses() -> list[float]:
    gamma = 1.02 / 0.98
    random = np.random.default_rng(2)
    powers = np.array([gamma**i for i in range(-500, 89)])
    drawn = np.concatenate(
        [random.exponential(size=3000), 10 ** random.uniform(-9, 1.5, 3000)]
    )
    all_of_them = np.concatenate(
        [powers, np.nextafter(powers, 0), np.nextafter(powers, 99), drawn, [34.5387764]]
    )
    return floats(all_of_them[all_of_them >= 1e-9])


def test_loss_bin_value_is_within_two_percent(compiled: dict[str, str]) -> None:
    x = losses()
    bins = evaluate(compiled["loss_bin"], x=x)
    values = evaluate(compiled["loss_bin_value"], bin=bins)
    # a loss on the very border of a bin may be an ulp further away than 2 %
    error = np.abs(np.array(values) / np.array(x) - 1)
    assert error.max() <= 0.02 * (1 + 1e-12)
    assert len(set(bins)) > 400
    ordered = [bin_ for _, bin_ in sorted(zip(x, bins, strict=True))]
    assert ordered == sorted(ordered)


def test_loss_below_a_billionth_is_zero(compiled: dict[str, str]) -> None:
    bins = evaluate(compiled["loss_bin"], x=[0.0, 1e-15, float(np.nextafter(1e-9, 0))])
    assert evaluate(compiled["loss_bin_value"], bin=bins) == [0.0] * 3
    assert evaluate(compiled["loss_bin"], x=[None, 1.0]) == [None, 0]
    assert evaluate(compiled["loss_bin_value"], bin=[None, 0])[0] is None


@pytest.mark.parametrize("q", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_quantiles_of_bins_are_within_two_percent(
    compiled: dict[str, str], q: float
) -> None:
    """What the bins are for: the first one whose cumulative count reaches q n."""
    x = floats(np.random.default_rng(3).exponential(size=2001))
    bins = sorted(evaluate(compiled["loss_bin"], x=x))
    reached = bins[math.ceil(q * len(bins)) - 1]
    value = evaluate(compiled["loss_bin_value"], bin=[reached])[0]
    exact = np.quantile(x, q, method="inverted_cdf")
    assert abs(value / exact - 1) <= 0.02 * (1 + 1e-12)


# ------------------------------------------------------------------ loss


HOSTILE = [
    *(0.0, 1.0, 0.5, 0.1, 0.9, 1e-300, 5e-324, 1 - 1e-16, 1e-15, 1 - 1e-15, 1e-16),
    *floats(np.nextafter([1e-15, 1e-15, 1 - 1e-15, 1 - 1e-15], [0, 1, 0, 1])),
    *floats(np.random.default_rng(4).uniform(size=500)),
    *floats(10 ** np.random.default_rng(5).uniform(-17, 0, size=200)),
]


def close(actual: list, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.array(actual, dtype=float), expected, rtol=1e-12)


def test_clip_keeps_to_epsilon_on_both_sides(compiled: dict[str, str]) -> None:
    clipped = evaluate(compiled["clip"], p=HOSTILE)
    assert clipped == floats(np.clip(HOSTILE, EPSILON, 1 - EPSILON))
    wide = evaluate(compiled["wide_clip"], p=HOSTILE)
    assert wide == floats(np.clip(HOSTILE, 0.01, 0.99))


def test_clip_keeps_null_and_nan_apart_from_numbers(compiled: dict[str, str]) -> None:
    unknown, not_a_number, _ = evaluate(compiled["clip"], p=[None, math.nan, 0.5])
    assert unknown is None
    assert math.isnan(not_a_number)


def test_negative_log_likelihood(compiled: dict[str, str]) -> None:
    actual = evaluate(compiled["negative_log_likelihood"], p=HOSTILE)
    close(actual, -np.log(np.clip(HOSTILE, EPSILON, 1 - EPSILON)))
    assert 0 < min(actual)
    assert max(actual) == pytest.approx(-math.log(EPSILON), rel=1e-15)


def both_labels() -> tuple[list[float], list[int]]:
    return HOSTILE * 2, [0] * len(HOSTILE) + [1] * len(HOSTILE)


def scikit_learn_losses(
    labels: list[int], matrix: np.ndarray, epsilon: float
) -> np.ndarray:
    """One call a row: its mean over one row is the row's loss."""
    clipped = np.clip(matrix, epsilon, 1 - epsilon)
    known = list(range(matrix.shape[1]))
    return np.array(
        [
            sklearn.metrics.log_loss([label], row[np.newaxis], labels=known)
            for label, row in zip(labels, clipped, strict=True)
        ]
    )


def two_columns(p: list[float]) -> np.ndarray:
    return np.column_stack([1 - np.array(p), p])


@pytest.mark.parametrize(
    ("name", "epsilon"), [("row_log_loss", EPSILON), ("wide_row_log_loss", 0.01)]
)
@pytest.mark.filterwarnings("ignore:.*do not sum to one")
def test_row_log_loss_is_scikit_learns(
    compiled: dict[str, str], name: str, epsilon: float
) -> None:
    p, labels = both_labels()
    expected = scikit_learn_losses(labels, two_columns(p), epsilon)
    close(evaluate(compiled[name], p=p, label=labels), expected)


@pytest.mark.filterwarnings("ignore:.*do not sum to one")
def test_mean_log_loss_is_scikit_learns(compiled: dict[str, str]) -> None:
    p, labels = both_labels()
    clipped = np.clip(two_columns(p), EPSILON, 1 - EPSILON)
    expected = sklearn.metrics.log_loss(labels, clipped)
    close(evaluate(compiled["mean_log_loss"], p=p, label=labels), np.array([expected]))


def test_labels_may_be_text_and_others_have_no_loss(compiled: dict[str, str]) -> None:
    sql = compiled["text_row_log_loss"]
    labels = ["yes", "no", "maybe", None]
    actual = evaluate(sql, p=[0.2] * 4, label=labels)
    close(actual[:2], -np.log([0.2, 0.8]))
    assert actual[2:] == [None, None]
    assert evaluate(sql, p=[None, 0.2], label=["yes", "yes"])[0] is None


# ------------------------------------------------------------------ several classes


def triples() -> np.ndarray:
    drawn = np.random.default_rng(6).dirichlet([0.3, 0.3, 0.3], size=300)
    exact = [[1, 0, 0], [0, 0, 1], [1 / 3] * 3, [0.4, 0.4, 0.2], [0.2, 0.4, 0.4]]
    ties = [[0.4, 0.2, 0.4], [0.5, 0.5, 0], [0, 1, 0], [1e-300, 1, 0], [0, 1e-16, 1]]
    # within the tolerance of the sum, and never rescaled
    unnormalised = [[0.5, 0.5005, 0.0], [0.3, 0.3, 0.399]]
    return np.concatenate([drawn, exact, ties, unnormalised])


def columns_of(matrix: np.ndarray) -> dict[str, list[float]]:
    return {name: floats(matrix[:, k]) for k, name in enumerate("abc")}


def every_label() -> tuple[np.ndarray, list[int], list[str]]:
    matrix = np.repeat(triples(), 3, axis=0)
    positions = [0, 1, 2] * len(triples())
    return matrix, positions, [["no", "it's", "yes"][n] for n in positions]


@pytest.mark.filterwarnings("ignore:.*do not sum to one")
def test_multiclass_log_loss_is_scikit_learns(compiled: dict[str, str]) -> None:
    matrix, positions, labels = every_label()
    columns = {**columns_of(matrix), "label": labels}
    expected = scikit_learn_losses(positions, matrix, EPSILON)
    close(evaluate(compiled["multiclass_row_log_loss"], **columns), expected)
    clipped = np.clip(matrix, EPSILON, 1 - EPSILON)
    mean = sklearn.metrics.log_loss(positions, clipped)
    close(evaluate(compiled["multiclass_mean_log_loss"], **columns), np.array([mean]))


def test_multiclass_brier_score_is_the_sum_over_classes(
    compiled: dict[str, str],
) -> None:
    matrix, positions, labels = every_label()
    actual = evaluate(
        compiled["multiclass_brier_score"], **columns_of(matrix), label=labels
    )
    close(actual, ((matrix - np.eye(3)[positions]) ** 2).sum(axis=1))


def test_brier_score_is_scikit_learns(compiled: dict[str, str]) -> None:
    p, labels = both_labels()
    actual = evaluate(compiled["brier_score"], p=p, label=labels)
    close(actual, (np.array(p) - labels) ** 2)
    assert np.mean(actual) == pytest.approx(
        sklearn.metrics.brier_score_loss(labels, p), rel=1e-12
    )


def test_spherical_score_is_a_share_of_the_vectors_length(
    compiled: dict[str, str],
) -> None:
    p, labels = both_labels()
    actual = evaluate(compiled["spherical_score"], p=p, label=labels)
    matrix = two_columns(p)
    of_labels = matrix[np.arange(len(p)), np.array(labels, dtype=int)]
    close(actual, of_labels / np.linalg.norm(matrix, axis=1))
    matrix, positions, labels = every_label()
    actual = evaluate(
        compiled["multiclass_spherical_score"], **columns_of(matrix), label=labels
    )
    of_labels = matrix[np.arange(len(matrix)), positions]
    close(actual, of_labels / np.linalg.norm(matrix, axis=1))


def test_entropy_is_scipys(compiled: dict[str, str]) -> None:
    matrix = triples()
    actual = evaluate(compiled["entropy"], **columns_of(matrix))
    close(actual, entr(matrix).sum(axis=1))
    actual = evaluate(compiled["binary_entropy"], p=HOSTILE)
    close(actual, entr(two_columns(HOSTILE)).sum(axis=1))


def test_entropy_skips_classes_a_model_does_not_have(compiled: dict[str, str]) -> None:
    actual = evaluate(compiled["entropy"], a=[0.3, 1.0], b=[0.7, 0.0], c=[None, 0.0])
    close(actual, [entr([0.3, 0.7]).sum(), 0.0])


def test_squared_log_probability(compiled: dict[str, str]) -> None:
    """The second moment of the loss if the model is calibrated; 0 ln^2 0 = 0."""
    matrix = triples()
    logs = np.log(np.where(matrix > 0, matrix, 1))
    actual = evaluate(compiled["squared_log_probability"], **columns_of(matrix))
    close(actual, (matrix * logs**2).sum(axis=1))


def test_predicted_class_is_the_first_of_the_largest(compiled: dict[str, str]) -> None:
    matrix = triples()
    actual = evaluate(compiled["predicted_class"], **columns_of(matrix))
    assert actual == [int(n) + 1 for n in matrix.argmax(axis=1)]


def test_binary_predicted_class_is_positive_from_a_half_on(
    compiled: dict[str, str],
) -> None:
    p = [0.0, float(np.nextafter(0.5, 0)), 0.5, float(np.nextafter(0.5, 1)), 1.0]
    assert evaluate(compiled["binary_predicted_class"], p=p) == [1, 1, 2, 2, 2]


# ------------------------------------------------------------------ means


def test_safe_divide_by_zero_is_null(compiled: dict[str, str]) -> None:
    actual = evaluate(compiled["safe_divide"], a=[1, 0, 2], b=[3, 1, 5])
    assert actual == [1.0, None, 0.75]


@pytest.mark.parametrize(
    "values", [[], [0.3], [0.1, 0.2], [0.1] * 7, [1e-15] * 3, [34.5, 1e-15, 0.2]]
)
def test_sample_stddev_is_numpys(compiled: dict[str, str], values: list[float]) -> None:
    total, squares = math.fsum(values), math.fsum(value**2 for value in values)
    sums = {"s": [total], "q": [squares], "n": [len(values)]}
    actual = evaluate(compiled["sample_stddev"], **sums)
    if len(values) < 2:
        assert actual == [None]
        return
    # the sums of squares cancel: what is left of an ulp of them, as a deviation
    slack = math.sqrt(squares * 1e-15)
    assert abs(actual[0] - np.std(values, ddof=1)) <= slack


def test_sample_stddev_of_rounded_sums_is_not_a_root_of_a_negative(
    compiled: dict[str, str],
) -> None:
    assert evaluate(compiled["sample_stddev"], s=[0.3], q=[0.02], n=[3]) == [0.0]


def test_confidence_interval_is_the_delta_method_on_the_log(
    compiled: dict[str, str],
) -> None:
    columns = {"m": [0.4, 0.7, 2.0], "s": [0.5, 0.0, 9.0], "n": [30, 100, 10**6]}
    m, s, n = (np.array(column) for column in columns.values())
    factor = np.exp(Z_95 * s / np.sqrt(n) / m)
    close(evaluate(compiled["ci_lower"], **columns), m / factor)
    close(evaluate(compiled["ci_upper"], **columns, r=[10, 10, 10]), m * factor)
    close(
        evaluate(compiled["ci_90"], **columns),
        m * np.exp(1.645 * s / np.sqrt(n) / m),
    )


def test_confidence_interval_needs_30_labels_and_10_of_the_rarer_class(
    compiled: dict[str, str],
) -> None:
    columns = {"m": [0.4] * 4, "s": [0.5] * 4, "n": [29, 30, 30, 30]}
    upper = evaluate(compiled["ci_upper"], **columns, r=[10, 9, 10, None])
    assert [value is None for value in upper] == [True, True, False, False]
    lower = evaluate(compiled["ci_lower"], **columns)
    assert [value is None for value in lower] == [True, False, False, False]


def test_confidence_interval_of_nothing_is_null(compiled: dict[str, str]) -> None:
    columns = {"m": [None, 0.4, 0.0], "s": [0.5, None, 0.0], "n": [50, 50, 50]}
    assert evaluate(compiled["ci_lower"], **columns) == [None] * 3


def test_confidence_interval_names_its_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    inline = "select {{ log_loss.confidence_interval('both', 'm', 's', 'n') }}"
    result = compile_inline(tmp_path, inline)
    assert not result.success
    assert "side is 'lower' or 'upper', not both" in capsys.readouterr().out


def test_normal_tail(compiled: dict[str, str]) -> None:
    z = np.concatenate([np.linspace(-37, 37, 2001), np.linspace(-7.1, 7.1, 999)])
    tail = np.array(evaluate(compiled["normal_upper_tail"], z=z))
    np.testing.assert_allclose(tail, stats.norm.sf(z), rtol=1e-8)
    beyond = np.array(
        evaluate(compiled["normal_upper_tail"], z=np.array([40.0, 1e9, np.inf]))
    )
    assert np.all(beyond == 1e-300)
    assert evaluate(compiled["normal_upper_tail"], z=np.array([-40.0])) == [1]


@pytest.mark.parametrize("df", [1, 2, 4, 4.5, 9.87, 33, 55, 120, 1000, 100_000])
def test_student_t_tail(compiled: dict[str, str], df: float) -> None:
    t = np.concatenate([np.linspace(-20, 20, 2001), [1e-9, 50, 1000, 10_000]])
    columns = {"t": t, "df": np.full_like(t, df)}
    deviate = np.array(evaluate(compiled["student_t_deviate"], **columns))
    tail = np.array(
        evaluate(compiled["student_t_upper_tail"], **columns, deviate=deviate)
    )
    expected = stats.t.sf(t, df)
    is_comparable = expected > 1e-280
    np.testing.assert_allclose(
        tail[is_comparable], expected[is_comparable], rtol=1e-8
    )
    assert np.all(tail[~is_comparable] < 1e-270)


def test_normal_quantile(compiled: dict[str, str]) -> None:
    tail = np.geomspace(1e-10, 0.5, 2001)
    p = np.concatenate([tail, 1 - tail])
    actual = np.array(evaluate(compiled["normal_quantile"], p=p))
    np.testing.assert_allclose(actual, stats.norm.isf(p), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("df", "smallest", "low", "high"),
    [
        (4, 0.01, -0.002, 0.01),
        (4, 0.001, -0.002, 0.03),
        (10, 1e-5, -0.001, 0.01),
        (25, 1e-5, -0.001, 0.001),
        (1000, 1e-7, -1e-6, 1e-6),
    ],
)
def test_student_t_quantile(
    compiled: dict[str, str], df: float, smallest: float, low: float, high: float
) -> None:
    p = np.geomspace(smallest, 0.1, 2001)
    columns = {"deviate": stats.norm.isf(p), "df": np.full_like(p, df)}
    actual = np.array(evaluate(compiled["student_t_quantile"], **columns))
    error = actual / stats.t.isf(p, df) - 1
    assert low <= error.min() and error.max() <= high


def test_errors_over_days_that_resemble_the_next(compiled: dict[str, str]) -> None:
    r = [-0.9, -0.1, 0.0, 0.3, 0.79, 0.81, 1.2, None]
    expected = np.clip([0 if value is None else value for value in r], 0, 0.8)
    close(evaluate(compiled["bounded_autocorrelation"], r=r), expected)
    # the variance of a mean of days, by the sum of all their correlations
    lags = np.arange(1, 4000)
    inflation = [1 + 2 * np.sum(value**lags) for value in expected]
    close(evaluate(compiled["variance_inflation"], r=floats(expected)), inflation)
    for days in (3.0, 14.0, 28.0, 90.0):
        close(
            evaluate(
                compiled["degrees_of_freedom"],
                n=[days] * len(r),
                r=floats(expected),
            ),
            np.maximum(days / np.array(inflation) - 2, 4),
        )


def test_without_spread_an_increase_is_certain(compiled: dict[str, str]) -> None:
    columns = {"increase": [1e-9, 0.0, -1.0, None], "t": [None] * 4, "df": [4.0] * 4}
    deviate = [None] * 4
    actual = evaluate(compiled["p_value_of_increase"], **columns, deviate=deviate)
    assert actual == [0, 1, 1, None]


def test_normalized_entropy_and_perplexity(compiled: dict[str, str]) -> None:
    columns = {"m": [0.5, 0.5, None], "h": [0.25, 0.0, 0.5]}
    actual = evaluate(compiled["normalized_entropy"], **columns)
    assert actual == [2.0, None, None]
    close(evaluate(compiled["perplexity"], m=[0.0, 0.5]), np.exp([0.0, 0.5]))


# ------------------------------------------------------------------ labels


def test_a_label_is_normalised_alike_in_data_and_in_declarations(
    compiled: dict[str, str],
) -> None:
    in_data = evaluate(compiled["normalize_label"], label=SPELLINGS)
    declared = json.loads(compiled["normalized_spellings"])
    differing = [
        (spelling, data, declaration)
        for spelling, data, declaration in zip(
            SPELLINGS, in_data, declared, strict=True
        )
        if data != declaration
    ]
    assert differing == []
    assert evaluate(compiled["normalize_label"], label=[None, "1"]) == [None, "1"]


def test_a_label_is_normalised_as_documented(compiled: dict[str, str]) -> None:
    actual = evaluate(compiled["normalize_label"], label=SPELLINGS)
    assert actual == [normalized(spelling) for spelling in SPELLINGS]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ([True, False], ["1", "0"]),
        ([1, 0], ["1", "0"]),
        ([1.0, 0.0, 2.5], ["1", "0", "2.5"]),
    ],
    ids=["boolean", "integer", "double"],
)
def test_typed_labels_are_normalised_too(
    compiled: dict[str, str], label: list, expected: list[str]
) -> None:
    assert evaluate(compiled["normalize_label"], label=label) == expected


# ------------------------------------------------------------------ diagnosis


def test_score_bins_start_at_their_edges(compiled: dict[str, str]) -> None:
    edges = [float(edge) for edge in compiled["score_bin_edges"].split(", ")]
    bins = list(range(len(edges) + 2))
    starts = evaluate(compiled["score_bin_start"], bin=[*bins, None])
    assert starts == [0.0, *edges, 1.0, None]
    # the middle of each bin is in it
    middles = [(low + high) / 2 for low, high in zip(starts, starts[1:-1], strict=False)]
    assert evaluate(compiled["score_bin"], p=middles) == bins[:-1]


FEATURE_VALUES = [
    *(0.0, -0.0, 1e-101, -1e-101, 1.0, -1.0, 3.7, -3.7, 1e-99, -1e-99, 1e299, -1e299),
    *(1e301, -1e301, math.inf, -math.inf, math.nan, None, 0.5, -0.5, 0.25, -0.25),
    *(1e9, -1e9, 4e8, -4e8, 5e8, -5e8, 1e-12, -1e-12),
]
NO_NUMBER = 2_000_000_000


def is_number(value: float | None) -> bool:
    return value is not None and abs(value) <= 1e300


def test_features_are_binned_by_their_logarithm(compiled: dict[str, str]) -> None:
    found = evaluate(compiled["feature_bin"], x=FEATURE_VALUES)
    for value, bin_ in zip(FEATURE_VALUES, found, strict=True):
        if not is_number(value):
            assert bin_ == NO_NUMBER
        elif abs(value) < 1e-100:
            assert bin_ == 0
        else:
            index = math.ceil(math.log(abs(value)) / math.log(1.02 / 0.98))
            assert bin_ == math.copysign(20_000 + index, value)
    # no two numbers apart by more than 4.1 % share a bin, and none is out of order
    numbers = np.geomspace(1e-99, 1e299, 5000)
    assert np.all(np.diff(evaluate(compiled["feature_bin"], x=list(numbers))) > 0)


def test_features_are_binned_by_a_width(compiled: dict[str, str]) -> None:
    found = evaluate(compiled["feature_bin_wide"], x=FEATURE_VALUES)
    for value, bin_ in zip(FEATURE_VALUES, found, strict=True):
        if not is_number(value):
            assert bin_ == NO_NUMBER
        elif abs(value) >= 5e8:
            assert bin_ == math.copysign(1_000_000_000, value), value
        else:
            assert bin_ == math.floor(value / 0.5), value


def test_feature_bins_start_at_their_edges(compiled: dict[str, str]) -> None:
    random = np.random.default_rng(3)
    values = list(random.lognormal(0, 20, 300) * random.choice([-1, 1], 300))
    for name in ("feature_bin", "feature_bin_wide"):
        start = compiled[name.replace("bin", "bin_start")]
        kept = [value for value in values if name == "feature_bin" or abs(value) < 4e8]
        bins = evaluate(compiled[name], x=kept)
        lower = np.array(evaluate(start, bin=bins))
        upper = np.array(evaluate(start, bin=[number + 1 for number in bins]))
        assert np.all(lower <= kept) and np.all(kept <= upper)
        if name == "feature_bin":
            assert np.max(np.abs(upper - lower) / np.abs(kept)) < 0.041
        else:
            assert np.allclose(upper - lower, 0.5)
    assert evaluate(compiled["feature_bin_start"], bin=[0, 1]) == [0.0, 0.0]


def test_focal_loss_weighs_by_what_is_left(compiled: dict[str, str]) -> None:
    """Lin et al. 2017: (1 - q)^gamma * -ln q, with q the clipped probability of the label."""
    p = [0.0, 1e-9, 0.2, 0.5, 0.9, 1.0]
    for label in ("0", "1"):
        found = evaluate(compiled["focal_loss"], label=[label] * len(p), p=p)
        q = np.clip(p if label == "1" else 1 - np.array(p), EPSILON, 1 - EPSILON)
        assert found == pytest.approx((1 - q) ** 2 * -np.log(q), rel=1e-12, abs=1e-30)
    q = np.clip(p, 0.01, 0.99)
    found = evaluate(compiled["focal_loss_of"], p=p)
    assert found == pytest.approx((1 - q) ** 0.5 * -np.log(q), rel=1e-12)


def test_binary_cross_entropy_clips_each_side(compiled: dict[str, str]) -> None:
    shares = [0.0, 0.3, 1.0, 0.3, 1.0, 0.0]
    p = [0.0, 0.3, 1.0, 0.9, 0.0, 1.0]
    for name, epsilon in (("binary_cross_entropy", EPSILON), ("wide_binary_cross_entropy", 0.01)):
        yes, no = np.clip([p, 1 - np.array(p)], epsilon, 1 - epsilon)
        expected = -np.array(shares) * np.log(yes) - (1 - np.array(shares)) * np.log(no)
        assert evaluate(compiled[name], s=shares, p=p) == pytest.approx(expected, rel=1e-12)
