// Which of PostgreSQL's own functions depend on nothing but their arguments and what a session is set to.
// Tests: test/integration/auto-statements.test.ts

/**
 * STABLE, because formats, the time zone or the text search configuration of the session count, or because they call the output functions
 * of any type. None of them reads rows, the clock, or who the user is.
 */
const STABLE_OF_SESSION: ReadonlySet<string> = new Set(
  `array_agg array_to_json array_to_string concat concat_ws date date_add date_bin date_part date_subtract date_trunc extract format
  generate_series int8 interval json_agg json_agg_strict json_array_elements json_array_elements_text json_build_array json_build_object
  json_object json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_populate_record
  json_populate_recordset json_to_record json_to_recordset jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object jsonb_object_agg
  jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_path_exists_tz jsonb_path_match_tz
  jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_to_record
  jsonb_to_recordset jsonb_to_tsvector json_to_tsvector make_timestamptz numeric_out overlaps phraseto_tsquery plainto_tsquery quote_literal
  quote_nullable row_to_json string_to_array text textlike time timestamp timestamptz timetz timezone to_char to_date to_json to_jsonb
  to_number to_timestamp to_tsquery to_tsvector ts_headline websearch_to_tsquery array_in array_out`
    .split(/\s+/)
    .filter((name) => name !== ""),
);

/** @param volatility as `pg_proc` has it */
export function isPure(name: string, volatility: string): boolean {
  return volatility === "i" || (volatility === "s" && STABLE_OF_SESSION.has(name));
}

/** What these texts mean as a date or a time depends on when they are read. */
const MOVING = /\b(?:now|today|tomorrow|yesterday)\b/i;
const LONGEST_TIME_CHARACTERS = 64;

export function isMoving(text: string): boolean {
  return MOVING.test(text) && text.replaceAll(/\s+/g, " ").length <= LONGEST_TIME_CHARACTERS;
}
