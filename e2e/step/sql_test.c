/* SQL in flows, with SQLite: real files in the flow's folder. PostgreSQL has a test of its own (sql/postgres_test.c).
 */
#include "e2e/sql/test_stage.h"

#include "world/real.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "flow: test\nsteps:\n"
#define ON   ", sqlite: t.db"

struct stage {
    struct test_system *system;
    char folder[SQL_FOLDER];
};

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    if (g == NULL || !sql_stage_open(&g->system, g->folder, true))
        return -1;
    g->system->options.scratch = g->folder;
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    int code = sql_stage_close(g->system, g->folder);
    free(g);
    return code;
}

static void passes(struct stage *g, const char *yaml)
{
    sql_passes(g->system, yaml);
}

static void fails(struct stage *g, const char *yaml, const char *message)
{
    sql_fails(g->system, yaml, message);
}

/* An address says which database it is. */
static void addresses(void **state)
{
    struct stage *g = *state;
    passes(g, FLOW "  - {sql: [CREATE TABLE t (a INTEGER PRIMARY KEY), INSERT INTO t VALUES (41)], database: "
                   "'sqlite3://:memory:', expect: {inserted: 41}}\n"
                   "  - {sql: SELECT a FROM t, sqlite: memory.db, expect: {rows: [{a: 41}], inserted: null}}\n"
                   "  - {sql: SELECT a FROM t, database: 'sq:${scratch}/memory.db?mode=ro', expect: {count: 1}}\n"
                   "  - {sql: INSERT INTO t VALUES (41), database: 'sqlite:memory.db', expect: {code: 1555, inserted: "
                   "null}}\n");
    fails(g, FLOW "  - {sql: SELECT 1, database: 'mysql://a'}\n",
          "\"database\" begins with sqlite: or postgresql:, and this with mysql; there are no others");
    fails(g, FLOW "  - {sql: SELECT 1, database: 'sqlite:'}\n", "\"sqlite\" is a file's name, and this is empty");
}

/* Every type, as a value and in a row. */
static void values(void **state)
{
    struct stage *g = *state;
    passes(g,
           FLOW "  - sql: SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f, ? AS g, typeof(?) AS h, 9e999 AS i\n"
                "    sqlite: t.db\n"
                "    params: [null, -9223372036854775808, 1.25, 'it''s \"x\"; --', {$base64: AAEC/w==}, true,"
                " [1, {a: b}], {$base64: ''}]\n"
                "    expect: {count: 1, changed: 0, error: null, code: null, duration: {$min: 0}, rows: [{a: null,"
                " b: -9223372036854775808, c: 1.25, d: 'it''s \"x\"; --', e: AAEC/w==, f: 1, g: '[1,{\"a\":\"b\"}]',"
                " h: blob, i: Infinity}]}\n"
                "    check: ['jsonpath \"$.rows[0].c\" > 1']\n"
                "    capture: {d: '$.rows[0].d'}\n"
                "  - {sql: 'SELECT ? AS d' " ON ", params: ['${d}'], expect: {rows: [{d: 'it''s \"x\"; --'}]}}\n"
                "  - {sql: 'SELECT 1 AS a -- one; two\n\n      ; /* three */ ' " ON ", expect: {rows: [{a: 1}]}}\n"
                "  - {sql: 'SELECT x''00'' AS a' " ON ", expect: {rows: [{a: AA==}]}}\n");
}

static void changes(void **state)
{
    struct stage *g = *state;
    passes(g, FLOW
           "  - {sql: [CREATE TABLE t (a), 'INSERT INTO t VALUES (1), (2)', UPDATE t SET a = 3 WHERE a = 2, SELECT a "
           "FROM t]" ON ", expect: {changed: 3, rows: [{a: 1}, {a: 3}]}}\n"
           "  - {sql: UPDATE t SET a = 4 WHERE a = 9" ON ", expect: {changed: 0, rows: []}}\n"
           "  - {sql: CREATE TABLE u (a)" ON ", expect: {changed: 0}}\n"
           "  - {sql: DELETE FROM t RETURNING a" ON ", expect: {changed: 2, count: 2}}\n"
           "  - {sql: INSERT INTO t VALUES (1)" ON
           ", read_only: true, expect: {error: {$contains: readonly}, code: 8}}\n"
           "  - {sql: ['INSERT INTO t VALUES (1)', SELECT b FROM t]" ON ", expect: {error: 'no such column: b'}}\n"
           "  - {sql: SELECT a FROM t" ON ", expect: {count: 0}}\n"
           "  - run: [test, -s, '${scratch}/t.db']\n"
           "  - {sql: SELECT a FROM t, sqlite: '${scratch}/t.db'}\n");
}

static void errors(void **state)
{
    struct stage *g = *state;
    fails(g, FLOW "  - {name: r, sql: SELEC 1" ON "}\n",
          "step 1 r: SQLite: near \"SELEC\": syntax error (line 1, column 1 of the statement)");
    fails(g, FLOW "  - name: r\n    sqlite: t.db\n    sql: |\n      SELECT 1,\n        'é', x\n",
          "step 1 r: SQLite: no such column: x (line 2, column 8 of the statement)");
    const json_t *c = test_last(g->system, "case");
    assert_int_equal(json_integer_value(json_object_get(c, "line")), 6);
    fails(g, FLOW "  - sqlite: t.db\n    sql:\n      - SELECT 1\n      - SELECT * FROM nowhere\n",
          "SQLite: no such table: nowhere");
    c = test_last(g->system, "case");
    assert_int_equal(json_integer_value(json_object_get(c, "line")), 6);
    assert_int_equal(json_integer_value(json_object_get(c, "column")), 9);
    assert_non_null(strstr(json_string_value(json_object_get(c, "detail")), "\"error\": \"no such table: nowhere\""));
    fails(g, FLOW "  - {sql: SELECT 1; SELECT 2" ON "}\n", "more than one statement: write them as a list");
    fails(g, FLOW "  - {sql: '-- nothing'" ON "}\n", "there is no statement in this text");
    fails(g, FLOW "  - {sql: BEGIN" ON "}\n", "a transaction ends with its step");
    fails(g, FLOW "  - {sql: 'SELECT ?'" ON "}\n", "0 values are in \"params\", and the statement has places for 1");
    fails(g, FLOW "  - {sql: 'SELECT 1'" ON ", params: [1]}\n",
          "1 value is in \"params\", and the statement has places");
    fails(g, FLOW "  - {sql: 'SELECT ?'" ON ", params: [{$base64: '?'}]}\n", "is no base64");
    fails(g, FLOW "  - {sql: 'SELECT 1 AS a, 2 AS a'" ON "}\n", "two columns are called \"a\"");
    fails(g, FLOW "  - {sql: SELECT 1 AS a" ON ", expect: {rows: [{a: 2}]}}\n", "rows[0].a: expected 2, got 1");
    fails(g, FLOW "  - {sql: SELECT 1 AS a" ON ", expect: {error: {$contains: x}}}\n", "error: expected");
    fails(g, FLOW "  - {sql: SELECT 1, sqlite: no.db, read_only: true}\n", "SQLite cannot open ");
    fails(g, FLOW "  - {sql: SELECT 1, sqlite: ''}\n", "and this is empty");
    fails(g,
          FLOW "  - {run: [sh, -c, 'echo this is no database at all > \"$0\"', '${scratch}/t.db']}\n"
               "  - {sql: SELECT * FROM t" ON "}\n",
          "file is not a database");
    fails(g,
          FLOW "  - sqlite: t.db\n    sql: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i "
               "FROM n\n",
          "more than 10000 rows or 32 MiB of them: add a LIMIT");
    /* What is no SQL does not become so within an hour. */
    fails(g, FLOW "  - {sql: SELEC 1" ON ", within: 1h}\n", "syntax error");
}

/* An endless statement ends with its time. */
static void endless(void **state)
{
    fails(*state,
          FLOW "  - sqlite: t.db\n    timeout: 20ms\n    sql: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
               "i + 1 FROM n) SELECT count(*) FROM n\n",
          "the database did not answer within 20 ms");
}

static void let_go(void *arg)
{
    assert_int_equal(sqlite3_exec(arg, "INSERT INTO t VALUES (1); COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

/* Somebody else has the file: waited for, as long as the step has time. */
static void locked(void **state)
{
    struct stage *g = *state;
    char path[64], yaml[512];
    sqlite3 *db;
    struct world_timer timer;
    snprintf(path, sizeof path, "%s/own.db", g->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a); BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    snprintf(yaml, sizeof yaml, FLOW "  - {sql: INSERT INTO t VALUES (2), sqlite: '%s', timeout: 20ms}\n", path);
    fails(g, yaml, "own.db was locked by another connection for 20 ms");
    world_timer_init(&timer, g->system->world, let_go, db);
    assert_int_equal(world_timer_start(&timer, (uint64_t)(20 * MILLISECOND)), 0);
    snprintf(yaml, sizeof yaml,
             FLOW "  - {sql: [INSERT INTO t VALUES (2), SELECT a FROM t], sqlite: '%s', timeout: 1h,"
                  " expect: {changed: 1, rows: [{a: 1}, {a: 2}]}}\n",
             path);
    passes(g, yaml);
    sqlite3_close(db);
}

/* Branches wait beside each other: the second one's row is what the first one waits for. */
static void beside(void **state)
{
    passes(*state, FLOW "  - {sql: CREATE TABLE t (a)" ON "}\n"
                        "  - parallel:\n"
                        "      waits: [{sql: SELECT a FROM t" ON ", within: 1h, expect: {count: 1}}]\n"
                        "      writes: [{wait: 20ms}, {sql: INSERT INTO t VALUES (1)" ON "}]\n");
}

static void hidden(void **state)
{
    struct stage *g = *state;
    fails(g,
          "flow: test\nvars: {code: sesame-0815}\nsecrets: [code]\nsteps:\n"
          "  - {sql: 'SELECT ? AS a'" ON ", params: ['${code}'], expect: {rows: [{a: '${code} x'}]}}\n",
          "rows[0].a");
    char *all = json_dumps(g->system->lines, 0);
    assert_null(strstr(all, "sesame"));
    assert_non_null(strstr(all, "(hidden)"));
    free(all);
}

static void loader(void **state)
{
    static const char *const bad[][2] = {
        {"sql: SELECT 1", "\"sql\" needs one database"},
        {"{sql: SELECT 1, sqlite: a, database: 'sqlite:b'}", "\"sql\" needs one database"},
        {"{sql: SELECT 1, database: 7}", "\"database\" is a text"},
        {"{sql: SELECT 1, sqlite: a, postgres: b}", "\"sql\" needs one database"},
        {"{sql: 1, sqlite: a}", "a statement is a text, and this is"},
        {"{sql: [], sqlite: a}", "a list of statements has 1 to 256"},
        {"{sql: [SELECT 1, {a: b}], sqlite: a}", "a statement is a text"},
        {"{sql: 'SELECT ${x}', sqlite: a}", "put the value into \"params\""},
        {"{sql: [SELECT 1], sqlite: a, params: [1]}", "\"params\" belong to one statement"},
        {"{sql: SELECT 1, sqlite: [a]}", "\"sqlite\" is a text"},
        {"{sql: SELECT 1, sqlite: a, params: {a: 1}}", "params"},
        {"{sql: SELECT 1, sqlite: a, expect: {status: 0}}", "status"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct flow_list flows = {0};
        struct text yaml = TEXT_INIT;
        struct error err = ERROR_INIT;
        text_printf(&yaml, FLOW "  - %s\n", bad[i][0]);
        assert_int_not_equal(flow_parse(text_bytes(&yaml), "x.yaml", &flows, &err), 0);
        if (strstr(err.message, bad[i][1]) == NULL)
            fail_msg("expected \"%s\" in \"%s\"", bad[i][1], err.message);
        assert_true(err.line >= 3);
        error_clear(&err);
        flow_list_free(&flows);
        text_deinit(&yaml);
    }
}

static void not_in_simulation(void **state)
{
    struct test_system *s = *state;
    assert_true(test_run(s, FLOW "  - {sql: SELECT 1" ON "}\n"));
    const json_t *c = test_last(s, "case");
    assert_string_equal(json_string_value(json_object_get(c, "status")), "skipped");
    assert_string_equal(json_string_value(json_object_get(c, "why")),
                        "it runs commands or opens a database, which a simulation does not have");
}

/* The page's examples that need no server. */
static void page(void **state)
{
    struct stage *g = *state;
    struct text text = TEXT_INIT;
    size_t found = 0;
    assert_int_equal(world_read_file(g->system->world, "docs/flows-sql.md", (size_t)1 << 20, &text, NULL), 0);
    for (char *p = text.data; (p = strstr(p, "```yaml\n")) != NULL;) {
        char *end = strstr(p += strlen("```yaml\n"), "```");
        *end = '\0';
        if (strstr(p, "postgres:") == NULL) {
            passes(g, p);
            found++;
        }
        p = end + 1;
    }
    assert_true(found >= 2);
    text_deinit(&text);
}

/* Whichever allocation fails, the flow fails, and it says so; SQLite's own are those of a shared library. */
static void memory_runs_out(void **state)
{
    struct stage *g = *state;
    struct test_system *s = g->system;
    static const char yaml[] = FLOW "  - {sql: [SELECT 1, SELECT 2]" ON "}\n"
                                    "  - {sql: 'SELECT ? AS a, ? AS b, ? AS c'" ON
                                    ", params: [{$base64: AAEC}, x, [1]], capture: {z: '$.rows[0].a'}}\n"
                                    "  - {sql: SELECT a FRM t" ON ", expect: {code: 1}}\n"
                                    "  - {sql: SELECT a FRM t" ON "}\n";
    assert_true(test_walk(s, yaml) > 100);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
    const struct CMUnitTest tests[] = {
        TEST(addresses),
        TEST(values),
        TEST(changes),
        TEST(errors),
        TEST(endless),
        TEST(locked),
        TEST(beside),
        TEST(hidden),
        TEST(page),
        TEST(memory_runs_out),
        cmocka_unit_test(loader),
        cmocka_unit_test_setup_teardown(not_in_simulation, test_system_setup_sim, test_system_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
