/* Micro in simulation. One seed, one run: every event of the simulation and every line the components log, with its
 * time, is the same to the byte, within one process and in another one, whose memory lies elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"
#include "world/real.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TOLD_MIN    ((size_t)50000)           /* bytes; a run that tells less was not the whole */
#define DIGEST_TEXT 65                        /* SHA-256 in hexadecimal, and its end */
#define BOOT_LIMIT  ((uint64_t)(20 * SECOND)) /* virtual */
#define CHILD_LIMIT ((uint64_t)(60 * SECOND))

static void take_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    text_char(arg, '\n');
}

static void take_log(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)level;
    take_line(arg, line, len);
}

static int64_t virtual_wall(void *arg)
{
    return world_wall(arg);
}

/* All components; somebody logs in and works; the store loses power and everybody gets over it. */
static void whole_run(uint64_t seed, struct text *told)
{
    struct sim_system s;
    sim_system_init(&s, seed);
    sim_trace(s.sim, take_line, told);
    log_set_level(LOG_DEBUG);
    log_set_clock(virtual_wall, s.client);
    log_set_sink(take_log, told);
    for (const struct component *c = components; c->name; c++) {
        sim_system_start(&s, c->name);
        sim_system_wait(&s, c->name);
    }
    struct sim_answer login;
    sim_system_call(&s, "auth", "/auth.Auth/Token", NULL,
                    "{\"id\":\"admin\",\"secret\":\"" SIM_ADMIN_SECRET "\",\"token_expiry\":3600}", &login);
    const char *token = sim_answer_text(&login, "token/access_token");
    assert_int_equal(login.status, GRPC_OK);
    test_expect(&s, "auth", "/auth.Auth/Generate", token, "{\"id\":\"joe\"}", GRPC_OK, "secret");
    test_expect(&s, "config", "/config.Config/Set", token,
                "{\"path\":\"a\",\"value\":{\"data\":\"1\"},\"options\":{\"secret\":true}}", GRPC_OK, NULL);
    test_expect(&s, "events", "/events.Stream/Publish", token, "{\"topic\":\"t\",\"payload\":\"eA==\"}", GRPC_OK, NULL);
    sim_crash(s.sim, "store");
    sim_run_for(s.sim, (uint64_t)(1 * SECOND));
    sim_system_start(&s, "store");
    test_eventually(&s, "notes", "/notes.Notes/Create", token, "{\"title\":\"x\"}", GRPC_OK, NULL, 60);
    sim_run_for(s.sim, (uint64_t)(100 * SECOND)); /* heartbeats, expiry, clean-up */
    sim_answer_deinit(&login);
    sim_system_deinit(&s);
    log_set_sink(NULL, NULL);
    log_set_clock(NULL, NULL);
    assert_true(text_ok(told));
}

static void digest_of(uint64_t seed, char out[DIGEST_TEXT])
{
    struct text told = TEXT_INIT;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    whole_run(seed, &told);
    assert_int_equal(EVP_Digest(told.data, told.len, digest, &len, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < len && 2 * i + 2 < DIGEST_TEXT; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
    text_deinit(&told);
}

static void same_seed_same_run(void **state)
{
    (void)state;
    struct text first = TEXT_INIT, second = TEXT_INIT, other = TEXT_INIT;
    whole_run(42, &first);
    whole_run(42, &second);
    whole_run(43, &other);
    assert_true(first.len > TOLD_MIN);
    for (size_t i = 0; i < first.len && i < second.len; i++)
        if (first.data[i] != second.data[i]) {
            size_t from = i > 200 ? i - 200 : 0;
            fail_msg("the runs part at byte %zu:\n%.400s\n---\n%.400s", i, first.data + from, second.data + from);
        }
    assert_int_equal(first.len, second.len);
    assert_true(first.len != other.len || memcmp(first.data, other.data, first.len) != 0);
    text_deinit(&first);
    text_deinit(&second);
    text_deinit(&other);
}

/* ---- in another process ---- */

struct child {
    struct text output;
    struct world_exit status;
    bool over;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    if (fd == 1)
        text_add(&c->output, line.data, line.len);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    c->status = status;
    c->over = true;
}

static bool is_over(void *arg)
{
    return ((const struct child *)arg)->over;
}

static void same_seed_same_run_in_another_process(void **state)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    char self[512] = "", digest[DIGEST_TEXT] = "";
    const char *const argv[] = {self, "42", NULL};
    const struct world_spawn how = {.name = "again", .argv = argv};
    struct child child = {.output = TEXT_INIT};
    struct world_process *process = NULL;
    struct world *world = NULL;
    (void)state;
    digest_of(42, digest);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    assert_int_equal(world_real_new(1, &world, NULL), 0);
    assert_int_equal(world_process_spawn(world, &how, &events, &child, &process, NULL), 0);
    assert_int_equal(world_run_until(world, is_over, &child, CHILD_LIMIT), 0);
    assert_false(child.status.signalled);
    assert_int_equal(child.status.code, 0);
    assert_string_equal(text_string(&child.output), digest);
    world_process_close(process);
    world_real_free(world);
    text_deinit(&child.output);
}

/* ---- sim_micro -------------------------------------------------------------------------------------------------- */

static int boot(struct sim *sim, const struct sim_micro_options *options, struct sim_micro **m, struct error *err)
{
    struct sim_micro_options all = *options;
    *m = NULL;
    all.private_key = sim_private_key;
    all.public_key = sim_public_key;
    int rc = sim_micro_new(sim, "supervisor", &all, m, err);
    return rc == 0 ? sim_micro_boot(*m, BOOT_LIMIT, err) : rc;
}

/* Two nodes run one component, each with words of its own; the others find it where it is. */
static void nodes_have_names_of_their_own(void **state)
{
    static const char *const parts[] = {"notes", "helloworld", "helloworld", "store", "registry", NULL};
    static const char *const nodes[] = {"n", "first", "second", "disk", "r", NULL};
    static const char *const more[] = {"second", "--service-version", "v9", NULL};
    static const char *const *const arguments[] = {more, NULL};
    const struct sim_micro_options options = {
        .components = parts, .nodes = nodes, .arguments = arguments, .restart_after = (uint64_t)SECOND};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 5});
    struct sim_micro *m = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_non_null(sim);
    if (boot(sim, &options, &m, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(sim_micro_count(m), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(sim_micro_name(m, i), nodes[i]);
        assert_true(sim_running(sim, nodes[i]));
    }
    assert_false(sim_running(sim, "helloworld"));
    /* What dies comes back, under its name. */
    assert_int_equal(sim_kill(sim, "second"), 0);
    assert_int_equal(sim_run_for(sim, (uint64_t)(2 * SECOND)), 0);
    assert_true(sim_running(sim, "second"));
    assert_int_equal(sim_micro_wait(m, "second", BOOT_LIMIT, NULL), 0);
    assert_int_equal(sim_micro_start_one(m, "helloworld", &err), ERROR_NOT_FOUND);
    error_clear(&err);
    sim_micro_free(m);
    sim_free(sim);
}

static void refused(const struct sim_micro_options *options, int code, const char *words)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 5});
    struct sim_micro *m = NULL;
    struct error err = ERROR_INIT;
    struct text told = TEXT_INIT;
    assert_non_null(sim);
    assert_int_equal(boot(sim, options, &m, &err), code);
    error_format(&err, &told);
    assert_string_equal(text_string(&told), words);
    text_deinit(&told);
    error_clear(&err);
    sim_micro_free(m);
    sim_free(sim);
}

static void wrong_parts_are_refused(void **state)
{
    static const char *const unknown[] = {"registry", "letters", NULL}, *const one[] = {"registry", NULL};
    const char *many[64] = {"registry"};
    const char *const *const arguments[] = {many, NULL};
    (void)state;
    for (size_t i = 1; i < 63; i++)
        many[i] = i % 2 ? "--host" : "0.0.0.0";
    refused(&(struct sim_micro_options){.components = unknown}, ERROR_NOT_FOUND, "there is no component \"letters\"");
    refused(&(struct sim_micro_options){.components = one, .arguments = arguments}, ERROR_LIMIT,
            "registry does not start: more than 48 arguments for registry");
}

static int free_pool(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(same_seed_same_run_in_another_process),
        cmocka_unit_test(nodes_have_names_of_their_own),
        cmocka_unit_test(wrong_parts_are_refused),
    };
    component_use_all();
    if (argc == 2) { /* the other process */
        char digest[DIGEST_TEXT] = "";
        digest_of(strtoull(argv[1], NULL, 10), digest);
        puts(digest);
        micro_pool_free();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, free_pool);
}
