/* SQL in flows, with PostgreSQL: against a server of our own, which has no port, only a socket in its folder. Where
 * none is installed those tests are skipped and say so; what is told when libpq or the server is missing is tested
 * anywhere. */
#include "e2e/sql/test_stage.h"

#include "e2e/sql/sql.h"
#include "world/command.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOW     "flow: test\nsteps:\n"
#define ON       ", postgres: '${database}'"
#define PASSWORD "open-sesame-42"

struct stage {
    struct test_system *system;
    struct world_process *server; /* NULL: there is none */
    char folder[SQL_FOLDER], data[48];
    char database[160];
    const char *variables[2];
    const char *why; /* there is none */
    bool ended;
};

static const char *const programs[] = {"/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/usr/pgsql-*/bin",
                                       "/usr/bin"};

/* Where both programs are; false: nowhere. */
static bool find_programs(char folder[200])
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        glob_t found;
        bool there = false;
        if (glob(programs[i], 0, NULL, &found) != 0)
            continue;
        for (size_t n = found.gl_pathc; n > 0 && !there; n--) {
            char path[256];
            snprintf(folder, 200, "%s", found.gl_pathv[n - 1]);
            snprintf(path, sizeof path, "%s/initdb", folder);
            there = access(path, X_OK) == 0;
            snprintf(path, sizeof path, "%s/postgres", folder);
            there = there && access(path, X_OK) == 0;
        }
        globfree(&found);
        if (there)
            return true;
    }
    return false;
}

static void on_exit_status(void *arg, struct world_exit status)
{
    (void)status;
    ((struct stage *)arg)->ended = true;
}

static bool has_ended(void *arg)
{
    return ((const struct stage *)arg)->ended;
}

/* PostgreSQL refuses to be run by root: then it runs as nobody. */
static const char *const as_nobody[] = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};

static bool begin_server(struct stage *g, const char *bin)
{
    static const struct world_process_events events = {.exited = on_exit_status};
    char initdb[256], postgres[256];
    const char *argv[32];
    size_t skip = geteuid() == 0 ? 0 : sizeof as_nobody / sizeof as_nobody[0], n = 4;
    struct error err = ERROR_INIT;
    memcpy(argv, as_nobody, sizeof as_nobody);
    if (skip == 0 && chown(g->folder, 65534, 65534) != 0)
        return false;
    snprintf(g->data, sizeof g->data, "%s/data", g->folder);
    snprintf(initdb, sizeof initdb, "%s/initdb", bin);
    snprintf(postgres, sizeof postgres, "%s/postgres", bin);
    const char *const make[] = {initdb,  "-D", g->data, "-U",         "harrow",    "-A",
                                "trust", "-E", "UTF8",  "--locale=C", "--no-sync", NULL};
    memcpy(argv + n, make, sizeof make);
    const struct world_command command = {.argv = argv + skip, .within = (uint64_t)(300 * SECOND)};
    if (world_command_run(g->system->world, &command, NULL, &err) != 0) {
        print_error("initdb: %s\n", err.message);
        error_clear(&err);
        return false;
    }
    const char *const serve[] = {postgres,
                                 "-D",
                                 g->data,
                                 "-k",
                                 g->folder,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "shared_buffers=1MB",
                                 "-c",
                                 "dynamic_shared_memory_type=mmap",
                                 "-c",
                                 "autovacuum=off",
                                 NULL};
    memcpy(argv + n, serve, sizeof serve);
    const struct world_spawn spawn = {.name = "postgres", .argv = argv + skip};
    if (world_process_spawn(g->system->world, &spawn, &events, g, &g->server, &err) != 0) {
        print_error("postgres: %s\n", err.message);
        error_clear(&err);
        return false;
    }
    return true;
}

static int open_stage(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    char bin[200];
    struct error err = ERROR_INIT;
    if (g == NULL || !sql_stage_open(&g->system, g->folder, false))
        return -1;
    snprintf(g->database, sizeof g->database, "database=postgresql://harrow:" PASSWORD "@/postgres?host=%s", g->folder);
    g->variables[0] = g->database;
    g->system->options.variables = g->variables;
    if (!find_programs(bin))
        g->why = "PostgreSQL's server is not installed (Debian's package postgresql)";
    else if (late_find(&late_postgres, "PQconnectPoll", &err) == NULL)
        g->why = "libpq is not installed (Debian's package libpq5)";
    else if (!begin_server(g, bin))
        return -1;
    error_clear(&err);
    *state = g;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *g = *state;
    if (g->server != NULL) {
        (void)world_process_signal(g->server, SIGINT); /* ends its sessions, and takes its memory down */
        (void)world_run_until(g->system->world, has_ended, g, (uint64_t)(300 * SECOND));
        world_process_close(g->server);
    }
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

static struct stage *served(void **state)
{
    struct stage *g = *state;
    if (g->server == NULL) {
        print_message("skipped: %s\n", g->why);
        skip();
    }
    passes(g, FLOW "  - {sql: SELECT 1" ON ", within: 5m}\n"); /* it may still be starting */
    return g;
}

static void values(void **state)
{
    struct stage *g = served(state);
    passes(
        g, FLOW
        "  - sql: SELECT $1::int8 AS a, $2::float8 AS b, $3::text AS c, $4::bytea AS d, $5::bool AS e, $6::jsonb AS f,"
        " $7::int4 AS g, 12.50 AS h, 'NaN'::float4 AS i, ARRAY[1, 2] AS j, DATE '2026-01-31' AS k,"
        " '\\x'::bytea AS l, 3::int2 AS m, '1e400'::jsonb AS n\n"
        "    postgres: '${database}'\n"
        "    params: [-9223372036854775808, 1.25, 'it''s \"x\"; --é', {$base64: AAEC/w==}, true, {a: [1]}, null]\n"
        "    expect: {count: 1, changed: 0, error: null, code: null, rows: [{a: -9223372036854775808, b: 1.25,"
        " c: 'it''s \"x\"; --é', d: AAEC/w==, e: true, f: {a: [1]}, g: null, h: '12.50', i: NaN, j: '{1,2}',"
        " k: '2026-01-31', l: '', m: 3, n: {$any: true}}]}\n"
        "  - {sql: 'SELECT $1::text AS a'" ON ", params: [''], expect: {rows: [{a: ''}]}}\n");
}

static void changes(void **state)
{
    struct stage *g = served(state);
    passes(g, FLOW
           "  - {sql: [CREATE TABLE t (a int UNIQUE), 'INSERT INTO t VALUES (1), (2)', UPDATE t SET a = 3 WHERE a = 2,"
           " SELECT a FROM t ORDER BY a]" ON ", expect: {changed: 3, count: 2, rows: [{a: 1}, {a: 3}]}}\n"
           "  - {sql: SELECT a FROM t WHERE a > 9" ON ", expect: {rows: [], changed: 0}}\n"
           "  - {sql: DROP TABLE IF EXISTS nothing" ON "}\n" /* its notice is not ours to print */
           "  - {sql: DELETE FROM t WHERE a = 1 RETURNING a" ON ", expect: {changed: 1, rows: [{a: 1}]}}\n"
           "  - {sql: INSERT INTO t VALUES (7)" ON ", read_only: true, expect: {code: '25006'}}\n"
           "  - {sql: [INSERT INTO t VALUES (8), INSERT INTO t VALUES (3)]" ON ", expect: {code: '23505', changed: 0,"
           " error: {$contains: 'Key (a)=(3) already exists'}}}\n"
           "  - {sql: SELECT a FROM t" ON ", expect: {rows: [{a: 3}]}}\n"
           "  - parallel:\n"
           "      waits: [{sql: SELECT a FROM t" ON ", within: 1h, expect: {count: 2}}]\n"
           "      writes: [{wait: 20ms}, {sql: INSERT INTO t VALUES (4)" ON "}]\n");
}

static void errors(void **state)
{
    struct stage *g = served(state);
    fails(g, FLOW "  - name: r\n    postgres: '${database}'\n    sql: |\n      SELECT 1,\n        'é', x\n",
          "step 1 r: PostgreSQL: column \"x\" does not exist (line 2, column 8 of the statement)");
    fails(g, FLOW "  - {sql: SELEC 1" ON ", within: 1h}\n", "syntax error at or near \"SELEC\" (line 1, column 1");
    fails(g, FLOW "  - {sql: SELECT 1; SELECT 2" ON "}\n", "cannot insert multiple commands");
    fails(g, FLOW "  - {sql: '-- nothing'" ON "}\n", "there is no statement in this text");
    fails(g, FLOW "  - {sql: BEGIN" ON "}\n", "a transaction ends with its step");
    fails(g, FLOW "  - {sql: 'SELECT $1, $2'" ON ", params: [1]}\n", "supplies 1 parameters");
    fails(g, FLOW "  - {sql: \"SELECT $1::text\"" ON ", params: [\"a\\0b\"]}\n", "no zero character");
    fails(g, FLOW "  - {sql: COPY pg_class TO STDOUT" ON "}\n", "COPY from or to the client is not implemented");
    fails(g, FLOW "  - {sql: 'SELECT 1 AS a, 2 AS a'" ON "}\n", "two columns are called \"a\"");
    fails(g, FLOW "  - {sql: 'SELECT i FROM generate_series(1, 10001) AS i'" ON "}\n", "more than 10000 rows");
    fails(g, FLOW "  - {sql: SELECT pg_sleep(3600)" ON ", timeout: 20ms}\n",
          "the database did not answer within 20 ms");
    fails(g, FLOW "  - {sql: SELECT pg_terminate_backend(pg_backend_pid())" ON "}\n", "terminating connection");
}

/* The page's examples with PostgreSQL. */
static void page(void **state)
{
    struct stage *g = served(state);
    struct text text = TEXT_INIT;
    size_t found = 0;
    assert_int_equal(world_read_file(g->system->world, "docs/flows-sql.md", (size_t)1 << 20, &text, NULL), 0);
    for (char *p = text.data; (p = strstr(p, "```yaml\n")) != NULL;) {
        char *end = strstr(p += strlen("```yaml\n"), "```");
        *end = '\0';
        if (strstr(p, "postgres:") != NULL) {
            passes(g, p);
            found++;
        }
        p = end + 1;
    }
    assert_true(found >= 1);
    text_deinit(&text);
}

static void assert_hidden(const struct stage *g)
{
    char *all = json_dumps(g->system->lines, 0);
    const char *seen = strstr(all, "sesame");
    if (seen != NULL)
        fail_msg("the password stands in ...%.*s", 200, seen - all > 150 ? seen - 150 : all);
    assert_non_null(strstr(all, "(hidden)"));
    free(all);
}

static void hidden(void **state)
{
    struct stage *g = served(state);
    fails(g, FLOW "  - {sql: SELECT 1 AS a" ON ", expect: {rows: [{a: 2}]}}\n", "rows[0].a: expected 2, got 1");
    assert_hidden(g);
}

/* Without a server, and without libpq: said, and without the password, in whichever form it is written. */
static void missing(void **state)
{
    struct stage *g = *state;
    static const char *const forms[] = {"postgresql://u:" PASSWORD "@/x?host=/nowhere-at-all",
                                        "postgresql://u@/x?password=" PASSWORD "&host=/nowhere-at-all",
                                        "host=/nowhere-at-all user=u password=''" PASSWORD "'' dbname=x"};
    const struct late_library real = late_postgres;
    char yaml[256];
    g->system->options.variables = NULL;
    for (int without = 0; without < 2; without++) {
        if (without)
            late_postgres = (struct late_library){.file = "libno-such-pq.so.5", .package = real.package};
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
            snprintf(yaml, sizeof yaml, FLOW "  - {sql: SELECT 1, postgres: '%s'}\n", forms[i]);
            if (without || late_find(&late_postgres, "PQconnectPoll", NULL) == NULL)
                fails(g, yaml, "(Debian's package libpq5)");
            else
                fails(g, yaml, "/nowhere-at-all");
            assert_hidden(g);
        }
    }
    late_postgres = real;
    if (late_find(&late_postgres, "PQconnectPoll", NULL) != NULL)
        fails(g, FLOW "  - {sql: SELECT 1, postgres: 'postgresql://harrow@/nowhere?port=word'}\n",
              "invalid integer value");
    g->system->options.variables = g->variables;
}

/* libpq's own allocations are those of a shared library. */
static void memory_runs_out(void **state)
{
    struct stage *g = served(state);
    struct test_system *s = g->system;
    static const char yaml[] = FLOW "  - {sql: 'SELECT $1::bytea AS a, $2::jsonb AS b, $3::text AS c'" ON
                                    ", params: [{$base64: AAEC}, [1], ''], capture: {z: '$.rows[0].a'}}\n"
                                    "  - {sql: SELECT a FRM t" ON "}\n";
    assert_true(test_walk(s, yaml) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing),         cmocka_unit_test(values), cmocka_unit_test(changes),
        cmocka_unit_test(errors),          cmocka_unit_test(page),   cmocka_unit_test(hidden),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
