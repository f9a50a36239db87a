#include "base/test.h"

#include "chaos/workload/toy_store.h"

#include "base/units.h"
#include "proto/set.h"
#include "store/store.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE        "store"
#define ADDRESS     "store:8002"
#define LOG_FILE    "/log"
#define LOG_MAX     ((size_t)16 << 20)
#define KEYS        64
#define VALUE_MAX   24
#define LATE        ((uint64_t)(40 * MILLISECOND)) /* TOY_EARLY_ACK: between the answer and the write */
#define STALE_EVERY 40                             /* TOY_STALE: one read of so many */

/* ---- the server ---- */

struct entry {
    char key[32], value[VALUE_MAX], before[VALUE_MAX];
};
struct late_write {
    struct server *server;
    struct world_timer timer;
    struct late_write *next;
    char key[32], value[VALUE_MAX];
};
struct server {
    struct world *world;
    struct rpc_server *rpc;
    struct world_file *log;
    const char *behaviour;
    struct entry entries[KEYS];
    size_t count;
    int reads;
    struct late_write *late;
};

static bool is(const struct server *s, const char *behaviour)
{
    return strcmp(s->behaviour, behaviour) == 0;
}

static struct entry *find(struct server *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].key, key) == 0)
            return &s->entries[i];
    return NULL;
}

static void put(struct server *s, const char *key, const char *value)
{
    struct entry *e = find(s, key);
    if (e == NULL) {
        assert_true(s->count < KEYS);
        e = &s->entries[s->count++];
        *e = (struct entry){0};
        snprintf(e->key, sizeof e->key, "%s", key);
    }
    memcpy(e->before, e->value, sizeof e->before);
    snprintf(e->value, sizeof e->value, "%s", value);
}

/* A line of the log; false when the world is dead or the disk failed. */
static bool append(struct server *s, const char *key, const char *value)
{
    char line[80];
    int len = snprintf(line, sizeof line, "%s %s;\n", key, value);
    return world_file_append(s->log, line, (size_t)len) == len && (is(s, TOY_NO_SYNC) || world_file_sync(s->log) == 0);
}

static void on_late(void *arg)
{
    struct late_write *l = arg;
    append(l->server, l->key, l->value);
}

static void answer_write(struct rpc_call *call)
{
    const Store__WriteResponse response = STORE__WRITE_RESPONSE__INIT;
    rpc_call_reply(call, &response.base);
}

static void on_write(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Store__WriteRequest *request = (const Store__WriteRequest *)message;
    struct server *s = context;
    char value[VALUE_MAX] = "";
    assert_true(request->record->value.len < sizeof value);
    memcpy(value, request->record->value.data, request->record->value.len);
    if (is(s, TOY_REFUSE)) {
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "no");
        return;
    }
    put(s, request->record->key, value);
    if (is(s, TOY_EARLY_ACK)) {
        struct late_write *l = calloc(1, sizeof *l);
        assert_non_null(l);
        l->server = s;
        l->next = s->late;
        s->late = l;
        snprintf(l->key, sizeof l->key, "%s", request->record->key);
        memcpy(l->value, value, sizeof l->value);
        world_timer_init(&l->timer, s->world, on_late, l);
        world_timer_start(&l->timer, LATE);
        answer_write(call);
        return;
    }
    if (!append(s, request->record->key, value) || is(s, TOY_BROKEN)) {
        rpc_call_fail(call, GRPC_INTERNAL, "broken");
        return;
    }
    if (!is(s, TOY_MUTE))
        answer_write(call);
}

static void on_write_cancelled(struct rpc_call *call, void *context)
{
    const struct server *s = context;
    if (is(s, TOY_MUTE))
        rpc_call_fail(call, GRPC_CANCELLED, "gone");
}

static void on_read(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Store__ReadRequest *request = (const Store__ReadRequest *)message;
    struct server *s = context;
    struct entry *e = find(s, request->key);
    if (e == NULL) {
        rpc_call_fail(call, GRPC_NOT_FOUND, "no such key");
        return;
    }
    bool stale = is(s, TOY_STALE) && ++s->reads % STALE_EVERY == 0 && e->before[0] != '\0';
    char *value = stale ? e->before : e->value;
    Store__Record record = STORE__RECORD__INIT, *records[] = {&record};
    Store__ReadResponse response = STORE__READ_RESPONSE__INIT;
    record.key = e->key;
    record.value = (ProtobufCBinaryData){.len = strlen(value), .data = (uint8_t *)value};
    response.n_records = 1;
    response.records = records;
    rpc_call_reply(call, &response.base);
}

/* Whole lines only: the last one may be torn. */
static void load(struct server *s)
{
    struct text log = TEXT_INIT;
    if (world_read_file(s->world, LOG_FILE, LOG_MAX, &log, NULL) == 0) {
        const char *at = text_string(&log), *end;
        for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
            char key[32], value[VALUE_MAX];
            if (sscanf(at, "%31s %23[0-9];", key, value) == 2)
                put(s, key, value);
        }
    }
    text_deinit(&log);
}

static void on_signal(void *arg, int signal)
{
    struct server *s = arg;
    (void)signal;
    world_stop(s->world);
}

static void server_stop(void *state)
{
    struct server *s = state;
    rpc_server_free(s->rpc);
    while (s->late != NULL) {
        struct late_write *l = s->late;
        s->late = l->next;
        world_timer_stop(&l->timer);
        free(l);
    }
    world_file_close(s->log);
    free(s);
}

static int server_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    static const struct rpc_method methods[] = {
        {.name = "Read",
         .input = &store__read_request__descriptor,
         .output = &store__read_response__descriptor,
         .unary = on_read},
        {.name = "Write",
         .input = &store__write_request__descriptor,
         .output = &store__write_response__descriptor,
         .unary = on_write,
         .cancelled = on_write_cancelled},
    };
    static const struct rpc_service service = {.name = "store.Store", .methods = methods, .method_count = 2};
    assert_int_equal(argc, 2);
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->behaviour = argv[1];
    load(s);
    world_on_signal(w, on_signal, s);
    int code = world_file_open(w, LOG_FILE, WORLD_WRITE | WORLD_CREATE, &s->log, err);
    if (code == 0)
        code = rpc_server_new(w, &(struct rpc_server_options){0}, &s->rpc, err);
    if (code == 0)
        code = rpc_server_add_health(s->rpc);
    if (code == 0)
        code = rpc_server_add(s->rpc, &service, s);
    if (code == 0)
        code = rpc_server_listen(s->rpc, "0.0.0.0:8002", err);
    assert_int_equal(code, 0);
    *state = s;
    return 0;
}

/* ---- the target ---- */

static struct toy *toy_of(struct target *t)
{
    return (struct toy *)((char *)t - offsetof(struct toy, target));
}

static int start(struct toy *t, struct error *err)
{
    const char *const argv[] = {"toy", t->behaviour};
    return sim_start(t->sim, NODE, "toy", 2, argv, err);
}

static int act(struct target *target, const char *component, enum target_action action, struct error *err)
{
    struct toy *t = toy_of(target);
    assert_string_equal(component, NODE);
    t->acts[action]++;
    if (t->act_fails)
        return error_set(err, ERROR_UNSUPPORTED, "no lever for %s", target_action_name(action));
    switch (action) {
    case TARGET_KILL:
        return sim_kill(t->sim, NODE);
    case TARGET_TERMINATE:
        return sim_terminate(t->sim, NODE);
    case TARGET_STOP:
        return sim_pause(t->sim, NODE);
    case TARGET_CONTINUE:
        return sim_resume(t->sim, NODE);
    case TARGET_START:
        if (t->start_fails)
            return error_set(err, ERROR_IO, "the disk is gone");
        return sim_running(t->sim, NODE) ? ERROR_EXISTS : start(t, err);
    case TARGET_POWER_CUT:
        return sim_crash(t->sim, NODE);
    case TARGET_PARTITION:
        sim_cut(t->sim, NODE, "harrow", false);
        return 0;
    case TARGET_HEAL:
        sim_heal(t->sim, NODE, "harrow");
        return 0;
    case TARGET_ACTION_COUNT:
        break;
    }
    return ERROR_UNSUPPORTED;
}

static bool alive(struct target *t, const char *component)
{
    return sim_running(toy_of(t)->sim, component);
}

static int64_t process(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return 0;
}

static int usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    (void)t;
    (void)component;
    (void)resident;
    (void)cpu;
    return ERROR_UNSUPPORTED;
}

static int logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    (void)t;
    (void)component;
    (void)lines;
    text_puts(out, "last words\n");
    return 0;
}

/* Nobody but the test starts the toy again. */
static int hold(struct target *t, bool held, struct error *err)
{
    (void)t;
    (void)held;
    (void)err;
    return 0;
}

static struct sim *simulation(struct target *t)
{
    return toy_of(t)->sim;
}

static int keep_line(void *arg, const char *line, size_t len)
{
    struct toy *t = arg;
    text_add(&t->lines, line, len);
    return 0;
}

static uint64_t virtual_now(void *arg)
{
    return world_now(arg);
}

void toy_init(struct toy *t, const char *behaviour, uint64_t seed)
{
    static const char *const services[] = {"store.Store", NULL};
    static const struct target_operations operations = {
        .act = act, .alive = alive, .process = process, .usage = usage, .logs = logs, .hold = hold, .sim = simulation};
    static const struct sim_program program = {.name = "toy", .start = server_start, .stop = server_stop};
    *t = (struct toy){.behaviour = behaviour};
    t->sim = sim_new(&(struct sim_options){.seed = seed, .steps_max = 20000000});
    assert_non_null(t->sim);
    assert_int_equal(sim_register(t->sim, &program), 0);
    assert_int_equal(pb_pool_new(proto_set(), "set", &t->pool, NULL), 0);
    struct world *w = sim_node(t->sim, "harrow");
    t->component = (struct target_component){.name = NODE, .address = ADDRESS, .services = services, .stateful = true};
    t->results =
        (struct result_stream){.write = keep_line, .arg = t, .now = virtual_now, .now_arg = w, .started = world_now(w)};
    t->target = (struct target){.operations = &operations,
                                .world = w,
                                .system = "toy",
                                .driver = "sim",
                                .pool = t->pool,
                                .components = &t->component,
                                .component_count = 1,
                                .seed = seed,
                                .results = &t->results};
    assert_int_equal(start(t, NULL), 0);
}

void toy_deinit(struct toy *t)
{
    target_close_channels(&t->target);
    sim_free(t->sim);
    pb_pool_free(t->pool);
    text_deinit(&t->lines);
}

size_t toy_count(const struct toy *t, const char *needle)
{
    size_t count = 0;
    for (const char *at = text_string(&t->lines); (at = strstr(at, needle)) != NULL; at++)
        count++;
    return count;
}
