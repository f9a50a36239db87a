/* micro service --endpoint, told to end at the worst moments: the account it makes for itself must go with it. The
 * program is the real one; the auth it asks is ours, and sends the signal itself, so that nothing is left to chance. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "proto/auth/auth.pb-c.h"
#include "runtime/service/service.h"
#include "world/real.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT ((uint64_t)(60 * SECOND))

enum moment {
    WHILE_MADE,  /* asked for, not answered */
    NO_ANSWER,   /* it was made, but the answer is lost */
    WHILE_TAKEN, /* asked to be taken away again: a second signal */
};

static const char *program;

struct fixture {
    struct world *world;
    struct rpc_server *auth;
    struct world_process *child;
    enum moment moment;
    int number; /* of the signal */
    char folder[64], made[128], taken[128];
    struct text said;
    struct world_exit status;
    bool exited;
};

/* The signal is on its way before the answer is; which of them the program sees first does not matter. */
static void send_signal(struct fixture *f)
{
    assert_int_equal(world_process_signal(f->child, f->number), 0);
}

static void generate(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct fixture *f = context;
    const Auth__GenerateRequest *r = (const Auth__GenerateRequest *)(const void *)request;
    Auth__GenerateResponse reply = AUTH__GENERATE_RESPONSE__INIT;
    Auth__Account account = AUTH__ACCOUNT__INIT;
    (void)snprintf(f->made, sizeof f->made, "%s", r->id);
    send_signal(f);
    if (f->moment == NO_ANSWER) {
        micro_fail(call, 504, "auth", "the store took too long");
        return;
    }
    account.id = r->id;
    reply.account = &account;
    rpc_call_reply(call, &reply.base);
}

static void take(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct fixture *f = context;
    const Auth__DeleteAccountRequest *r = (const Auth__DeleteAccountRequest *)(const void *)request;
    Auth__DeleteAccountResponse reply = AUTH__DELETE_ACCOUNT_RESPONSE__INIT;
    if (f->moment == WHILE_TAKEN)
        send_signal(f);
    (void)snprintf(f->taken, sizeof f->taken, "%s", r->id);
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method auth_methods[] = {{.name = "Generate",
                                                  .input = &auth__generate_request__descriptor,
                                                  .output = &auth__generate_response__descriptor,
                                                  .unary = generate}};
static const struct rpc_method account_methods[] = {{.name = "Delete",
                                                     .input = &auth__delete_account_request__descriptor,
                                                     .output = &auth__delete_account_response__descriptor,
                                                     .unary = take}};
static const struct rpc_service auth_service = {"auth.Auth", auth_methods, 1};
static const struct rpc_service account_service = {"auth.Accounts", account_methods, 1};

static void put(struct fixture *f, const char *name, const char *content)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    assert_int_equal(world_write_file(f->world, path, bytes_of(content), false, NULL), 0);
}

/* What a server leaves in its data directory for the command to find. */
static void begin(struct fixture *f)
{
    const struct rpc_server_options options = {.pool = micro_pool(), .package_free = true};
    char path[128], line[64];
    assert_int_equal(world_real_new(1, &f->world, NULL), 0);
    assert_int_equal(rpc_server_new(f->world, &options, &f->auth, NULL), 0);
    assert_int_equal(rpc_server_add(f->auth, &auth_service, f), 0);
    assert_int_equal(rpc_server_add(f->auth, &account_service, f), 0);
    assert_int_equal(rpc_server_listen(f->auth, "127.0.0.1:0", NULL), 0);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/wrap-signal-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(path, sizeof path, "%s/run", f->folder);
    assert_int_equal(world_make_directory(f->world, path), 0);
    (void)snprintf(path, sizeof path, "%s/keys", f->folder);
    assert_int_equal(world_make_directory(f->world, path), 0);
    (void)snprintf(line, sizeof line, "{\"pid\":%d,\"base_port\":8000,\"components\":[]}", (int)getpid());
    put(f, "run/status.json", line);
    (void)snprintf(line, sizeof line, "127.0.0.1:%d\n", rpc_server_port(f->auth));
    put(f, "run/auth.address", line);
    put(f, "keys/public.pem", "none that anybody could show a token of");
}

static void on_output(void *arg, int fd, struct bytes line)
{
    struct fixture *f = arg;
    (void)fd;
    text_add(&f->said, line.data, line.len);
    text_char(&f->said, '\n');
}

static void on_exited(void *arg, struct world_exit status)
{
    struct fixture *f = arg;
    f->status = status;
    f->exited = true;
}

static bool has_exited(void *arg)
{
    return ((struct fixture *)arg)->exited;
}

static void run(enum moment moment, int number, int code)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct fixture f = {.moment = moment, .number = number};
    begin(&f);
    const char *const argv[] = {program,  "--data-dir", f.folder,     "--token",    "mine", "service",
                                "--name", "upper",      "--endpoint", "exec://cat", NULL};
    char home[128];
    (void)snprintf(home, sizeof home, "MICRO_HOME=%s/home", f.folder);
    const char *const environment[] = {home, NULL};
    const struct world_spawn spawn = {.name = "micro", .argv = argv, .environment = environment};
    assert_int_equal(world_process_spawn(f.world, &spawn, &events, &f, &f.child, NULL), 0);
    assert_int_equal(world_run_until(f.world, has_exited, &f, WAIT), 0);
    if (strncmp(f.made, "upper-wrapper-", 14) != 0 || strcmp(f.made, f.taken) != 0 || f.status.signalled ||
        f.status.code != code)
        fail_msg("made \"%s\", taken away \"%s\", signalled %d, code %d: %s", f.made, f.taken, f.status.signalled,
                 f.status.code, text_string(&f.said));
    world_process_close(f.child);
    rpc_server_free(f.auth);
    assert_int_equal(world_remove_tree(f.world, f.folder), 0);
    text_deinit(&f.said);
    world_real_free(f.world);
}

static void while_the_account_is_made(void **state)
{
    (void)state;
    run(WHILE_MADE, SIGTERM, 0);
    run(WHILE_MADE, SIGINT, 0);
}

static void when_nobody_knows_whether_it_was_made(void **state)
{
    (void)state;
    run(NO_ANSWER, SIGTERM, 127);
}

static void while_it_is_taken_away(void **state)
{
    (void)state;
    run(WHILE_TAKEN, SIGINT, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_the_account_is_made),
        cmocka_unit_test(when_nobody_knows_whether_it_was_made),
        cmocka_unit_test(while_it_is_taken_away),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s MICRO\n", argv[0]);
        return 2;
    }
    program = argv[1];
    log_set_level(LOG_OFF);
    int failed = cmocka_run_group_tests_name("wrap_signal", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
