"""Small breaks of the package, each with the test that must catch it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """A text that stands once in a file, and what is put in its place."""

    name: str
    file: str
    old: str
    new: str
    test: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.name}: {self.file} has it not once"
        path.write_text(text.replace(self.old, self.new))


# ---------------------------------------------------------------- where things are

LEDGER = "models/intermediate/ledger/int_log_loss__ledger.sql"
LEDGER_MACROS = "macros/internal/ledger.sql"
HISTORY = "macros/internal/scored_history.sql"
LABEL_EVENTS = "macros/internal/label_events.sql"
STAGED_PREDICTIONS = "models/staging/stg_log_loss__predictions.sql"
STAGED_LABELS = "models/staging/stg_log_loss__labels.sql"
INPUTS = "macros/internal/inputs.sql"
DAILY_SUMS = "models/intermediate/ledger/int_log_loss__daily_sums.sql"
CORRECTIONS = "models/intermediate/ledger/int_log_loss__corrections.sql"
COVERAGE = "models/marts/labels/log_loss_label_coverage.sql"
CLASSES = "macros/internal/classes.sql"
STATISTICS = "macros/internal/statistics.sql"
ESTIMATORS = "macros/internal/estimation.sql"
RULES = "macros/internal/rules.sql"
CHECKS = "macros/internal/settings_checks.sql"
MESSAGES = "macros/internal/messages.sql"
BINS = "macros/metrics/bins.sql"
MEANS = "macros/metrics/means.sql"
CONSTANTS = "macros/internal/constants.sql"
TAILS = "macros/metrics/tail_probability.sql"
SOUND_COLUMNS = "macros/generic_tests/sound_columns.sql"
BASELINE_DAYS = "models/intermediate/baseline/int_log_loss__evaluation_days.sql"
BASELINE_WINDOWS = "models/intermediate/baseline/int_log_loss__evaluation_windows.sql"
COMPARED_DAYS = "models/intermediate/canary/int_log_loss__compared_days.sql"
DIFFERENCES = "models/intermediate/canary/int_log_loss__version_differences.sql"
CANARIES = "models/intermediate/canary/int_log_loss__canary_decisions.sql"
DRIFT_CELLS = "models/intermediate/drift/int_log_loss__drift_cells.sql"
DRIFT_WINDOWS = "models/intermediate/drift/int_log_loss__drift_windows.sql"
DRIFTS = "models/intermediate/drift/int_log_loss__drifts.sql"
COMPLETENESS = "models/intermediate/estimation/int_log_loss__completeness.sql"
ESTIMATES = "models/intermediate/estimation/int_log_loss__estimates.sql"
EPISODES = "models/intermediate/rules/int_log_loss__alert_episodes.sql"
CALIBRATION_TESTS = "models/intermediate/rules/int_log_loss__calibration_tests.sql"
STATUSES = "models/intermediate/rules/int_log_loss__rule_statuses.sql"
COMPARED_VALUES = "models/intermediate/rules/int_log_loss__rule_values_comparisons.sql"
INPUT_VALUES = "models/intermediate/rules/int_log_loss__rule_values_inputs.sql"
LOSS_VALUES = "models/intermediate/rules/int_log_loss__rule_values_losses.sql"
ALERTS = "models/marts/decisions/log_loss_alerts.sql"
BUDGET = "models/marts/decisions/log_loss_error_budget.sql"
ESTIMATE = "models/marts/estimation/log_loss_estimate.sql"
STATUS = "models/marts/decisions/log_loss_threshold_status.sql"


def test_of(module: str, name: str) -> str:
    return f"pytests/test_{module}.py::test_{name}"


def unit_tests(model: str) -> str:
    return f"pytests/test_unit_tests.py::test_the_unit_tests_of[{model}]"


MUTATIONS: list[Mutation] = [
    # ------------------------------------------------------------ incremental runs
    Mutation(
        "a run does not look back",
        LEDGER_MACROS,
        "-settings.lookback_days",
        "0",
        test_of(
            "properties_incremental", "any_split_of_the_loads_equals_a_full_refresh[3]"
        ),
    ),
    Mutation(
        "a restatement starts no earlier than the lookback",
        LEDGER_MACROS,
        "from_date ~ ' < ' ~ cutoff",
        "from_date ~ ' > ' ~ cutoff",
        test_of(
            "properties_incremental",
            "a_restatement_empties_the_partitions_of_deleted_rows",
        ),
    ),
    Mutation(
        "empty partitions have no markers",
        LEDGER,
        "        recorded_date >= {{ cutoff }}\n",
        "        recorded_date >= {{ cutoff }} and 1 = 0\n",
        test_of(
            "properties_incremental",
            "a_restatement_empties_the_partitions_of_deleted_rows",
        ),
    ),
    Mutation(
        "new labels touch no request",
        LEDGER,
        "        model_name\n    from {{ ref('stg_log_loss__labels') }}\n"
        "    where {{ log_loss.is_row_rebuilt(cutoff) }}\n\n)",
        "        model_name\n    from {{ ref('stg_log_loss__labels') }}\n"
        "    where 1 = 0\n\n)",
        test_of(
            "properties_incremental", "any_split_of_the_loads_equals_a_full_refresh[1]"
        ),
    ),
    Mutation(
        "touched requests are read since the cutoff alone",
        LEDGER_MACROS,
        "return(log_loss.add_days(cutoff, -horizon_days))",
        "return(cutoff)",
        test_of("promises", "the_label_horizon_changes_no_number"),
    ),
    Mutation(
        "the fingerprint leaves epsilon out",
        LEDGER_MACROS,
        "'log_loss_epsilon=' ~ settings.epsilon,",
        "",
        test_of("configuration", "a_setting_that_changed_since_the_stored_rows"),
    ),
    # ------------------------------------------------------------ the label in force
    Mutation(
        "the label loaded last is the truth",
        HISTORY,
        "order by labeled_at, recorded_at, class_index\n"
        "            rows between 1 following",
        "order by recorded_at, labeled_at, class_index\n"
        "            rows between 1 following",
        unit_tests("log_loss_scored_predictions"),
    ),
    Mutation(
        "of labels that tie the lower class wins",
        HISTORY,
        "order by labeled_at, recorded_at, class_index\n"
        "            rows between 1 following",
        "order by labeled_at, recorded_at, class_index desc\n"
        "            rows between 1 following",
        unit_tests("log_loss_scored_predictions"),
    ),
    Mutation(
        "a null label is no withdrawal",
        STAGED_LABELS,
        "when spelling is null then 0",
        "when spelling is null then null",
        unit_tests("stg_log_loss__labels"),
    ),
    Mutation(
        "a withdrawal counts as a revision",
        LEDGER,
        "else {{ ends.withdrawn }}",
        "else {{ ends.revised }}",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "a reversal adds what it should take back",
        LEDGER,
        "sign * {{ sum.same_as or sum.name }}",
        "abs(sign) * {{ sum.same_as or sum.name }}",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "what came and went in a day is posted",
        LEDGER,
        "when aggregated.posting_date = aggregated.reversal_date then 0",
        "when aggregated.posting_date > aggregated.reversal_date then 0",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "a late prediction has no first label",
        LEDGER,
        "when labeled_until is null or labeled_until <= recorded_at",
        "when labeled_until is null",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "a revised label is a new one",
        LEDGER,
        "when labeled_until < label_recorded_at then",
        "when labeled_until <= label_recorded_at then",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "a revision of the day itself is one of an older label",
        LEDGER,
        "then {{ begins.revised_same_day }}",
        "then {{ begins.revised }}",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "a label waits for no prediction",
        LABEL_EVENTS,
        "when recorded_at < predicted_from then cast(predicted_from as date)",
        "when recorded_at > predicted_from then cast(predicted_from as date)",
        unit_tests("int_log_loss__ledger"),
    ),
    # ------------------------------------------------------------ rows that do not count
    Mutation(
        "the copy loaded last counts",
        HISTORY,
        "                staged.recorded_at,\n",
        "                staged.recorded_at desc,\n",
        unit_tests("log_loss_scored_predictions"),
    ),
    Mutation(
        "copies of labels are not counted",
        LABEL_EVENTS,
        "where load_rank > 1",
        "where load_rank > 2",
        unit_tests("int_log_loss__ledger"),
    ),
    Mutation(
        "probabilities may be outside 0 and 1",
        STAGED_PREDICTIONS,
        "not ({{ probability }} between 0 and 1)",
        "not ({{ probability }} between -1 and 2)",
        unit_tests("stg_log_loss__predictions"),
    ),
    Mutation(
        "probabilities may add up to a little more than the tolerance",
        STAGED_PREDICTIONS,
        ") <= {{ log_loss.double(settings.probability_sum_tolerance) }}",
        ") <= 3 * {{ log_loss.double(settings.probability_sum_tolerance) }}",
        unit_tests("stg_log_loss__predictions"),
    ),
    Mutation(
        "weights that are too large are accepted",
        STAGED_PREDICTIONS,
        "log_loss.double('1e100')",
        "log_loss.double('1e200')",
        test_of("single_days", "weights_of_any_size"),
    ),
    Mutation(
        "a prediction needs no version",
        STAGED_PREDICTIONS,
        "when model_name is null or model_version is null then",
        "when model_name is null then",
        unit_tests("stg_log_loss__predictions"),
    ),
    Mutation(
        "a sentinel is a time",
        INPUTS,
        "< cast('3000-01-01' as {{ type }})",
        "<= cast('9999-12-31' as {{ type }})",
        unit_tests("stg_log_loss__labels"),
    ),
    Mutation(
        "predictions may be ahead of their load",
        STAGED_PREDICTIONS,
        "or predicted_at > {{ log_loss.day_after('loaded_at') }}",
        "or predicted_at > {{ log_loss.day_after('predicted_at') }}",
        test_of(
            "single_days", "a_prediction_more_than_a_day_ahead_of_its_load_is_rejected"
        ),
    ),
    Mutation(
        "labels may be ahead of their load",
        STAGED_LABELS,
        "or labeled_at > {{ log_loss.day_after('loaded_at') }}",
        "or labeled_at > {{ log_loss.day_after('labeled_at') }}",
        test_of(
            "single_days",
            "a_label_more_than_a_day_ahead_of_its_load_cannot_pin_the_truth",
        ),
    ),
    Mutation(
        "a load time yet to come dates a row",
        STAGED_PREDICTIONS,
        "when loaded_at <= {{ log_loss.day_after(log_loss.utc_now()) }}",
        "when loaded_at is not null",
        unit_tests("stg_log_loss__predictions"),
    ),
    # ------------------------------------------------------------ the metrics of a row
    Mutation(
        "probabilities are not clipped below 1",
        "macros/metrics/probability.sql",
        "then {{ highest }}",
        "then {{ log_loss.double(1) }}",
        test_of("macros", "clip_keeps_to_epsilon_on_both_sides"),
    ),
    Mutation(
        "every wrong row counts as clipped",
        HISTORY,
        "when probability_of_label < {{ log_loss.double(settings.epsilon) }} then 1",
        "when probability_of_label <= {{ log_loss.double(0.5) }} then 1",
        unit_tests("log_loss_scored_predictions"),
    ),
    Mutation(
        "labels keep all but one of their zeros",
        "macros/cross_db/strip_zero_decimals.sql",
        "'[.]0+$'",
        "'[.]0$'",
        test_of("macros", "a_label_is_normalised_as_documented"),
    ),
    Mutation(
        "declared labels lose a dot that those in the data keep",
        "macros/metrics/normalize_label.sql",
        "elif stem != text and stem.endswith('.')",
        "elif stem.endswith('.')",
        test_of("macros", "a_label_is_normalised_alike_in_data_and_in_declarations"),
    ),
    Mutation(
        "the Brier score of two classes counts both",
        "macros/metrics/brier_score.sql",
        "all_classes[1:] if all_classes | length == 2 else all_classes",
        "all_classes",
        test_of("macros", "brier_score_is_scikit_learns"),
    ),
    Mutation(
        "the focal loss has a gamma of 1",
        "macros/metrics/focal_loss.sql",
        "{% if gamma == 2 %}{{ rest }} * {{ rest }}",
        "{% if gamma == 2 %}{{ rest }}",
        test_of("macros", "focal_loss_weighs_by_what_is_left"),
    ),
    Mutation(
        "the first class adds to the entropy with the wrong sign",
        "macros/metrics/entropy.sql",
        "'- ' if not loop.first else '0 - '",
        "'- ' if not loop.first else '0 + '",
        test_of("macros", "entropy_is_scipys"),
    ),
    Mutation(
        "of classes that tie the last is predicted",
        "macros/metrics/predicted_class.sql",
        "({{ probability }}) >= ({{ other }})",
        "({{ probability }}) > ({{ other }})",
        test_of("macros", "predicted_class_is_the_first_of_the_largest"),
    ),
    # ------------------------------------------------------------ bins and percentiles
    Mutation(
        "a score at an edge may be in the bin above",
        BINS,
        "when {{ probability }} <= ({{ nearest }} - 1) / {{ hundred }} then 1",
        "when {{ probability }} < ({{ nearest }} - 1) / {{ hundred }} then 1",
        test_of("macros", "score_bin_is_numpy_digitize"),
    ),
    Mutation(
        "0.99 is in the bin above",
        BINS,
        "<= {{ log_loss.double('0.99') }}",
        "< {{ log_loss.double('0.99') }}",
        test_of("macros", "score_bin_is_numpy_digitize"),
    ),
    Mutation(
        "the first decile ends a bin early",
        BINS,
        "when {{ score_bin }} < 28 then 0",
        "when {{ score_bin }} < 27 then 0",
        test_of("macros", "score_decile_is_numpy_digitize"),
    ),
    Mutation(
        "losses are binned downward",
        BINS,
        "ceil(ln({{ loss }})",
        "floor(ln({{ loss }})",
        test_of("macros", "loss_bin_value_is_within_two_percent"),
    ),
    Mutation(
        "small losses are none",
        BINS,
        "when {{ loss }} < {{ log_loss.double('1e-9') }} then -1000",
        "when {{ loss }} < {{ log_loss.double('1e-6') }} then -1000",
        test_of("macros", "loss_bin_value_is_within_two_percent"),
    ),
    Mutation(
        "a percentile needs one row more",
        STATISTICS,
        "when 100 * count_up_to_bin >= {{ percentile }} * labeled_count",
        "when 100 * count_up_to_bin > {{ percentile }} * labeled_count",
        unit_tests("log_loss_daily"),
    ),
    Mutation(
        "percentiles are bounded at 68 %",
        LOSS_VALUES,
        "{{ log_loss.z_95() }} * sqrt(",
        "{{ log_loss.double('1.0') }} * sqrt(",
        unit_tests("int_log_loss__rule_values_losses"),
    ),
    # ------------------------------------------------------------ intervals
    Mutation(
        "intervals round z",
        CONSTANTS,
        "'z_95': 1.959963984540054",
        "'z_95': 1.96",
        test_of("macros", "confidence_interval_is_the_delta_method_on_the_log"),
    ),
    Mutation(
        "an interval needs 9 of the rarer class",
        MEANS,
        ">= {{ constants.least_class_count }}",
        ">= {{ constants.least_class_count - 1 }}",
        test_of(
            "macros", "confidence_interval_needs_30_labels_and_10_of_the_rarer_class"
        ),
    ),
    Mutation(
        "a class without labels is no rarer one",
        CLASSES,
        "when sum(case when {{ count }} > 0 then 1 else 0 end) < 2 then 0",
        "when sum(case when {{ count }} > 0 then 1 else 0 end) < 1 then 0",
        unit_tests("int_log_loss__daily_sums"),
    ),
    Mutation(
        "deviations are those of a population",
        MEANS,
        "/ ({{ n }} - 1)",
        "/ {{ n }}",
        test_of("macros", "sample_stddev_is_numpys"),
    ),
    # ------------------------------------------------------------ days and their changes
    Mutation(
        "a day is mature a day later",
        DAILY_SUMS,
        "age_days >= {{ settings.mature_days }}",
        "age_days > {{ settings.mature_days }}",
        unit_tests("int_log_loss__daily_sums"),
    ),
    Mutation(
        "coverage at its limit is not mature",
        DAILY_SUMS,
        "        >= {{ log_loss.double(settings.mature_coverage) }}",
        "        > {{ log_loss.double(settings.mature_coverage) }}",
        unit_tests("int_log_loss__daily_sums"),
    ),
    Mutation(
        "classes are balanced by their worst",
        DAILY_SUMS,
        "        avg(\n",
        "        max(\n",
        test_of("oracle_demo", "mart_equals_the_oracle[log_loss_daily]"),
    ),
    Mutation(
        "a day of few labels is never published",
        CORRECTIONS,
        "            else means.mature_date",
        "            else means.covered_date",
        unit_tests("int_log_loss__corrections"),
    ),
    Mutation(
        "a correction has to be one of a nat",
        CORRECTIONS,
        "        > {{ log_loss.double(settings.correction_absolute) }}",
        "        > 100 * {{ log_loss.double(settings.correction_absolute) }}",
        unit_tests("int_log_loss__corrections"),
    ),
    Mutation(
        "revisions change the mean the other way round",
        CORRECTIONS,
        "previous_loss_sum + corrected_loss_sum",
        "previous_loss_sum - corrected_loss_sum",
        unit_tests("int_log_loss__corrections"),
    ),
    Mutation(
        "what is left without a label is all revision",
        CORRECTIONS,
        "                else previous_mean_log_loss\n            end\n    end"
        " as change_from_new_labels",
        "                else mean_log_loss_as_of\n            end\n    end"
        " as change_from_new_labels",
        test_of("single_days", "the_attribution_written_out"),
    ),
    Mutation(
        "coverage at an age leaves its last day out",
        COVERAGE,
        "when recorded_date <= {{ log_loss.add_days('metric_date', age) }}",
        "when recorded_date < {{ log_loss.add_days('metric_date', age) }}",
        unit_tests("log_loss_label_coverage"),
    ),
    Mutation(
        "the 95th percentile of delays needs one label more",
        COVERAGE,
        "100 * labels_so_far >= 95 * all_labels",
        "100 * labels_so_far > 95 * all_labels",
        unit_tests("log_loss_label_coverage"),
    ),
    Mutation(
        "coverage is that of today",
        INPUT_VALUES,
        "and day_states.known_until > {{ mature_date }}",
        "and day_states.known_until >= {{ mature_date }}",
        unit_tests("int_log_loss__rule_values_inputs"),
    ),
    Mutation(
        "copies count as rejected",
        INPUT_VALUES,
        "not in ('duplicate_label', 'duplicate_prediction')",
        "not in ('duplicate_label')",
        unit_tests("int_log_loss__rule_values_inputs"),
    ),
    # ------------------------------------------------------------ tails and tests
    Mutation(
        "Student's t has a fatter tail",
        TAILS,
        "0.28209479177387814",
        "0.28209",
        test_of("macros", "student_t_tail[4]"),
    ),
    Mutation(
        "the quantile of t is off with few degrees of freedom",
        TAILS,
        "log_loss.double(2 / 3)",
        "log_loss.double(1 / 3)",
        test_of("macros", "student_t_quantile"),
    ),
    Mutation(
        "the normal tail is off",
        TAILS,
        "'0.700383064443688'",
        "'0.700393064443688'",
        test_of("macros", "normal_tail"),
    ),
    Mutation(
        "negative autocorrelation narrows errors",
        STATISTICS,
        "when {{ autocorrelation }} < 0 then {{ log_loss.double(0) }}",
        "when {{ autocorrelation }} < -0.8 then {{ log_loss.double(0) }}",
        test_of("baselines", "windows_and_baselines_are_scipys"),
    ),
    Mutation(
        "days may resemble the next as much as they like",
        STATISTICS,
        "then {{ log_loss.double('0.8') }}",
        "then {{ autocorrelation }}",
        test_of("macros", "errors_over_days_that_resemble_the_next"),
    ),
    Mutation(
        "days that resemble the next count in full",
        STATISTICS,
        "({{ day_count }} / {{ log_loss.variance_inflation(autocorrelation) }})",
        "({{ day_count }})",
        test_of("macros", "errors_over_days_that_resemble_the_next"),
    ),
    Mutation(
        "what has no spread has no p-value",
        STATISTICS,
        "when {{ increase }} > 0 then {{ log_loss.double(0) }}",
        "when {{ increase }} > 0 then null",
        test_of("macros", "without_spread_an_increase_is_certain"),
    ),
    Mutation(
        "residuals of a line are taken for those of a mean",
        STATISTICS,
        "log_loss.safe_divide('2', 'count(*)')",
        "log_loss.safe_divide('1', 'count(*)')",
        test_of("baselines", "trends_are_scipys"),
    ),
    Mutation(
        "a line rises over one day less",
        STATISTICS,
        "slope * {{ length }} as rise",
        "slope * {{ length - 1 }} as rise",
        unit_tests("int_log_loss__rule_values_comparisons"),
    ),
    Mutation(
        "many cohorts are tested as one",
        STATUSES,
        "when p_value * test_count < 1 then p_value * test_count",
        "when p_value * test_count < 1 then p_value",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    Mutation(
        "one window is enough",
        STATUSES,
        "when coalesce(previous_severity, 0) = 0 then 'ok'",
        "when coalesce(previous_severity, 0) < 0 then 'ok'",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    Mutation(
        "a warning before is enough for an error",
        STATUSES,
        "when severity = 2 and previous_severity = 2 then 'error'",
        "when severity = 2 then 'error'",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    Mutation(
        "a window counts at each evaluation",
        STATUSES,
        "case when window_end_date = last_window_end_date then 0 else 1 end\n"
        "            as is_new_window",
        "1\n            as is_new_window",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    Mutation(
        "a value at its limit is a breach",
        STATUSES,
        "and not (sign * evaluated_value <= sign * warn_limit)",
        "and not (sign * evaluated_value < sign * warn_limit)",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    Mutation(
        "limits of a cohort beat those of a model",
        STATUSES,
        "                case when thresholds.model_name = '*' then 1 else 0 end,\n",
        "",
        unit_tests("int_log_loss__rule_statuses"),
    ),
    # ------------------------------------------------------------ what is normal
    Mutation(
        "a baseline has a day less",
        BASELINE_DAYS,
        "candidate_days.day_number <= {{ settings.baseline.days }}",
        "candidate_days.day_number < {{ settings.baseline.days }}",
        test_of("baselines", "windows_and_baselines_are_scipys"),
    ),
    Mutation(
        "half of a baseline is all of it",
        CHECKS,
        "(days / 2) | round(0, 'ceil') | int",
        "days",
        test_of("drift", "the_reference_is_the_first_days_or_the_version_before"),
    ),
    Mutation(
        "a young version has no past",
        BASELINE_DAYS,
        "or has_own_past = 0",
        "or has_own_past = -1",
        test_of("predecessors", "a_young_version_borrows_from_the_last_that_served"),
    ),
    Mutation(
        "what was only tried lends as well as what served",
        "macros/internal/windows.sql",
        "{{ trials }}.tried_on <= {{ date }}",
        "{{ trials }}.tried_on > {{ date }}",
        unit_tests("int_log_loss__drift_windows"),
    ),
    Mutation(
        "the version that was asked least lends",
        DRIFT_WINDOWS,
        "lenders.prediction_count desc",
        "lenders.prediction_count asc",
        unit_tests("int_log_loss__drift_windows"),
    ),
    # ------------------------------------------------------------ budgets and alerts
    Mutation(
        "a burn that has stopped goes on",
        COMPARED_VALUES,
        "when short_rates.burn_rate < long_rates.burn_rate",
        "when short_rates.burn_rate > long_rates.burn_rate",
        unit_tests("int_log_loss__rule_values_comparisons"),
    ),
    Mutation(
        "the smaller allowance counts",
        STATISTICS,
        "when {{ relative_allowance }} > {{ log_loss.double(budget.absolute) }}",
        "when {{ relative_allowance }} < {{ log_loss.double(budget.absolute) }}",
        unit_tests("log_loss_alerts"),
    ),
    Mutation(
        "the budget is what was known last",
        BUDGET,
        "min(as_of_date) over (",
        "max(as_of_date) over (",
        test_of("baselines", "the_budget_is_what_was_known_first"),
    ),
    Mutation(
        "a suppression ends a day early",
        RULES,
        "as date) >= {{ statuses }}.window_start_date",
        "as date) > {{ statuses }}.window_start_date",
        unit_tests("log_loss_threshold_status"),
    ),
    Mutation(
        "a suppression starts a day late",
        RULES,
        "as date) <= {{ statuses }}.window_end_date",
        "as date) < {{ statuses }}.window_end_date",
        unit_tests("log_loss_threshold_status"),
    ),
    Mutation(
        "a status is since when another version's alert began",
        STATUS,
        "and {{ log_loss.same_scope('statuses', 'episodes') }}",
        "and statuses.model_name = episodes.model_name",
        unit_tests("log_loss_threshold_status"),
    ),
    Mutation(
        "a finding says the value where it should say what was compared",
        MESSAGES,
        "('evaluated', cells.evaluated_value)",
        "('evaluated', cells.value)",
        test_of("messages", "a_finding_says_what_was_compared"),
    ),
    Mutation(
        "a later label changes no burn rate of an alert",
        RULES,
        "'revised_over': 'page'",
        "'revised_over': none",
        unit_tests("log_loss_alerts"),
    ),
    Mutation(
        "late labels silence nothing",
        EPISODES,
        "(rule = 'label_coverage' and is_proven)",
        "(rule = 'label_coverage' and not is_proven)",
        unit_tests("int_log_loss__alert_episodes"),
    ),
    Mutation(
        "late labels silence rules that have none",
        EPISODES,
        "and statuses.rule in {{ log_loss.rules_with('has_coverage', true) }}",
        "and statuses.rule <> 'label_coverage'",
        unit_tests("int_log_loss__alert_episodes"),
    ),
    Mutation(
        "an alert goes on over eight quiet days",
        EPISODES,
        "set quiet_days = 7",
        "set quiet_days = 8",
        unit_tests("int_log_loss__alert_episodes"),
    ),
    Mutation(
        "the dedupe key changes every day",
        ALERTS,
        "~ log_loss.date_text('alerts.first_date') ~",
        "~ log_loss.date_text('alerts.as_of_date') ~",
        unit_tests("log_loss_alerts"),
    ),
    Mutation(
        "every error pages",
        ALERTS,
        "and episodes.rule in {{ log_loss.rules_with('may_page', true) }}",
        "and episodes.rule not in ('')",
        unit_tests("log_loss_alerts"),
    ),
    # ------------------------------------------------------------ calibration and drift
    Mutation(
        "miscalibration is tested on one side",
        CALIBRATION_TESTS,
        "then 2 * {{ log_loss.student_t_upper_tail(",
        "then 1 * {{ log_loss.student_t_upper_tail(",
        test_of("diagnosis_rules", "excess_over_what_scores_promise"),
    ),
    Mutation(
        "scores of 0 and 1 are never tested",
        STATISTICS,
        "or {{ squared_error_sum }} >=",
        "and {{ squared_error_sum }} >=",
        test_of("calibration", "cohorts_have_rows_where_calibration_can_be_tested"),
    ),
    Mutation(
        "a step too far is not taken back",
        STATISTICS,
        "else {{ name }}_step / 2",
        "else {{ name }}_step",
        test_of("calibration", "recalibration_is_the_best_logistic_fit"),
    ),
    Mutation(
        "what the reference never had is in its first group",
        DRIFT_CELLS,
        "coalesce(ranges.group_number, categories.group_number, 0)",
        "coalesce(ranges.group_number, categories.group_number, 1)",
        test_of("drift", "cells_say_what_has_moved"),
    ),
    Mutation(
        "an index of two samples alike counts a cell too many",
        DRIFTS,
        "(cell_count - 1) * sampling_variance as psi_if_unchanged",
        "cell_count * sampling_variance as psi_if_unchanged",
        test_of("drift", "score_drift_is_what_it_says"),
    ),
    # ------------------------------------------------------------ canaries
    *[
        Mutation(
            name,
            CANARIES,
            old,
            new,
            test_of("version_comparison", "a_decision_needs_enough_of_everything"),
        )
        for name, old, new in [
            ("a canary is decided after six days", "day_count < 7", "day_count < 6"),
            (
                "a canary needs less overlap",
                "overlap_share < 0.8",
                "overlap_share < 0.79",
            ),
            (
                "a canary is decided on 299 labels",
                "or candidate_count < 300",
                "or candidate_count < 299",
            ),
            (
                "a canary is decided on 9 of the rarer class",
                "coalesce(candidate_rarest_count, {{ least_class_count }})\n"
                "                < {{ least_class_count }}",
                "coalesce(candidate_rarest_count, {{ least_class_count }})\n"
                "                < {{ least_class_count - 1 }}",
            ),
            (
                "a canary that may be as good is rolled back",
                "when difference - sequence_half_width > rollback_margin",
                "when difference > rollback_margin",
            ),
            (
                "a canary that may be worse is promoted",
                "when difference + sequence_half_width < promote_margin",
                "when difference < promote_margin",
            ),
            (
                "the margin of a low loss has no floor",
                "when serving_mean_log_loss > 0.2 then",
                "when serving_mean_log_loss > 0 then",
            ),
            (
                "a decision may change",
                "when through_date >= decided_through_date then first_decision\n",
                "when through_date >= decided_through_date then look\n",
            ),
            (
                "the sequence is tuned anew at each look",
                "case when through_date = first_through_date then"
                " median_labeled_count end",
                "median_labeled_count",
            ),
            (
                "the sequence is that of both sides",
                "                / {{ log_loss.double(2 * alpha) }}",
                "                / {{ log_loss.double(alpha) }}",
            ),
        ]
    ],
    Mutation(
        "days do not add to the error",
        DIFFERENCES,
        "            then differences.day_variance\n",
        "            then row_errors.welch_variance\n",
        test_of("version_comparison", "the_largest_error_counts"),
    ),
    Mutation(
        "versions are compared without strata",
        DIFFERENCES,
        "day_states.cohort_name = {{ log_loss.text_literal(settings.stratum) }}",
        "day_states.cohort_name = 'all'",
        test_of("version_comparison", "harder_traffic_is_no_reason_to_roll_back"),
    ),
    # ------------------------------------------------------------ estimates
    Mutation(
        "an estimate rests on 99 reports",
        ESTIMATORS,
        "min(least_labeled_count) < 100",
        "min(least_labeled_count) < 99",
        unit_tests("int_log_loss__estimates"),
    ),
    Mutation(
        "an estimate rests on 27 dates",
        ESTIMATORS,
        "then 12 else 28 end",
        "then 12 else 27 end",
        unit_tests("int_log_loss__estimates"),
    ),
    Mutation(
        "any share may come after the horizon",
        ESTIMATORS,
        "when max(late_share) > {{ log_loss.double(0.05) }}",
        "when max(late_share) > {{ log_loss.double(0.06) }}",
        unit_tests("int_log_loss__estimates"),
    ),
    Mutation(
        "a sample of all predictions has an error",
        ESTIMATORS,
        "then 1 - {{ log_loss.safe_divide('labeled_count', 'prediction_count') }}",
        "then {{ log_loss.double(1) }}",
        unit_tests("int_log_loss__estimates"),
    ),
    Mutation(
        "scores that nobody knows are recalibrated",
        ESTIMATES,
        "{{ log_loss.double(0.95) }} * prediction_count",
        "{{ log_loss.double(0.94) }} * prediction_count",
        unit_tests("int_log_loss__estimates"),
    ),
    Mutation(
        "the ladder's weakest step is looked for among the steps before",
        COMPLETENESS,
        "        min(labeled_count) over (\n            {{ ladder }}\n"
        "            order by age_days desc\n",
        "        min(labeled_count) over (\n            {{ ladder }}\n"
        "            order by age_days\n",
        unit_tests("int_log_loss__completeness"),
    ),
    Mutation(
        "the chain ladder is climbed the wrong way",
        COMPLETENESS,
        "        ) over (\n            {{ ladder }}\n            order by age_days desc\n"
        "            rows between unbounded preceding and current row\n"
        "        ) as log_completeness",
        "        ) over (\n            {{ ladder }}\n            order by age_days\n"
        "            rows between unbounded preceding and current row\n"
        "        ) as log_completeness",
        test_of("estimates", "an_estimate_is_what_its_definition_says"),
    ),
    Mutation(
        "the smaller margin counts",
        ESTIMATE,
        "when past_margin > sample_margin then past_margin",
        "when past_margin < sample_margin then past_margin",
        test_of("estimates", "an_estimate_is_what_its_definition_says"),
    ),
    # ------------------------------------------------------------ data tests and gates
    *[
        Mutation(
            f"{name} returns nothing",
            f"tests/assert_{name}.sql",
            "\n{{ findings }}\n",
            "\n{{ findings }} and 1 = 0\n",
            test,
        )
        for name, test in {
            "no_threshold_errors": test_of(
                "thresholds", "errors_fail_the_build_and_warnings_warn"
            ),
            "no_threshold_warnings": test_of(
                "thresholds", "errors_fail_the_build_and_warnings_warn"
            ),
            "no_pages": test_of(
                "thresholds", "alerts_fail_the_build_where_they_are_the_gates"
            ),
            "no_tickets": test_of(
                "thresholds", "alerts_fail_the_build_where_they_are_the_gates"
            ),
            "no_canary_rollback": test_of(
                "version_comparison", "a_canary_to_be_rolled_back_fails_its_gate"
            ),
        }.items()
    ],
    Mutation(
        "rows may go missing",
        "tests/assert_inputs_are_conserved.sql",
        "where total_row_count <> total_entry_count",
        "where total_row_count < total_entry_count - 1000",
        test_of("data_tests", "an_entry_too_many_or_too_few_is_found"),
    ),
    Mutation(
        "a suppression may end before it starts",
        "tests/assert_suppressions_are_usable.sql",
        "where starts_at is null or ends_at < starts_at",
        "where starts_at is null",
        test_of("data_tests", "suppressions_that_silence_nothing_fail_the_build"),
    ),
    Mutation(
        "a day may have more labels than predictions",
        "tests/assert_labels_are_within_predictions.sql",
        "where labeled_count_as_of < 0 or labeled_count_as_of > prediction_count_as_of",
        "where labeled_count_as_of < 0",
        test_of("promises", "labels_may_be_counted_twice_beyond_the_horizon"),
    ),
    Mutation(
        "a promise that is broken goes unseen",
        "tests/assert_predictions_are_unique.sql",
        "group by staged.request_id, staged.model_name, staged.model_version\n"
        "having count(*) > 1",
        "group by staged.request_id, staged.model_name, staged.model_version\n"
        "having count(*) > 1000",
        test_of("promises", "a_broken_promise_of_unique_predictions_is_found"),
    ),
    Mutation(
        "a key may stand twice",
        SOUND_COLUMNS,
        "having count(*) > 1",
        "having count(*) > 2",
        test_of("sound_columns", "each_problem_is_found_and_named"),
    ),
    # ------------------------------------------------------------ settings and messages
    Mutation(
        "a setting may be at a bound that it must be above",
        CHECKS,
        "not number > above)",
        "not number >= above)",
        test_of("configuration", "a_number_out_of_bounds[epsilon=0]"),
    ),
    Mutation(
        "a setting may be at a bound that it must be below",
        CHECKS,
        "not number < below)",
        "not number <= below)",
        test_of("configuration", "a_number_out_of_bounds[epsilon=0.5]"),
    ),
    Mutation(
        "a day may be a fraction",
        CHECKS,
        "{% if number != number | int %}",
        "{% if number < number | int %}",
        test_of("configuration", "a_fraction_of_a_day"),
    ),
    Mutation(
        "every month has 31 days",
        CHECKS,
        "return(29 if is_leap else 28)",
        "return(31)",
        test_of("configuration", "what_is_no_date"),
    ),
    Mutation(
        "a budget's windows may be one",
        CHECKS,
        "windows.short_days >= windows.long_days",
        "windows.short_days > windows.long_days",
        test_of("configuration", "wrong_error_budgets"),
    ),
    Mutation(
        "a misspelt gate is none",
        "tests/assert_no_threshold_errors.sql",
        "enabled=(var('log_loss_gates') != 'alerts'),",
        "enabled=(var('log_loss_gates') == 'thresholds'),",
        test_of("messages", "misspelt_gates_leave_those_of_thresholds"),
    ),
    Mutation(
        "there may be no gates",
        CHECKS,
        "{% if value not in words %}",
        "{% if value is none %}",
        test_of("messages", "other_gates_are_refused"),
    ),
    Mutation(
        "a message rounds its numbers to one place",
        MESSAGES,
        "'%.4g' | format(value)",
        "'%.1f' | format(value)",
        test_of("messages", "alerts_can_be_the_gates_instead"),
    ),
    Mutation(
        "a gate without canaries is silent",
        MESSAGES,
        "if execute and flags.WHICH in ('test', 'build') -%}\n            {%- do log(",
        "if execute and flags.WHICH in ('compile') -%}\n            {%- do log(",
        test_of("messages", "without_a_canary_the_gate_says_so"),
    ),
]
