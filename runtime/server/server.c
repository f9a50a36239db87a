#include "runtime/server/server.h"

#include "base/json_build.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/words.h"
#include "runtime/api/api.h"
#include "runtime/server/child.h"
#include "runtime/server/home.h"
#include "runtime/server/ports.h"
#include "runtime/service/service.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX ((size_t)64 << 10) /* bytes of one component's */

struct server {
    struct world *world;
    const struct server_options *options;
    struct server_home home;
    int base_port;
    struct world_listener *claim; /* of the block of ports, when nobody chose one */
    struct child *children;
    size_t count;
    struct world_timer limit; /* for the start, then for the stop */
    struct world_task work;   /* after changes: the status file, the ready line, what can be started now */
    int64_t started;          /* wall ns */
    bool ready;               /* everything was ready once, and it was said */
    bool had_secret;          /* the first account's secret was drawn at an earlier start */
    bool stopping;
    int exit_code;
    struct error failure; /* why the start was given up */
};

/* ---- status.json ---- */

/* A component may have written anything before it died. */
static json_t *died_json(const struct child *c)
{
    json_t *value = c->died.len ? json_stringn(c->died.data, c->died.len) : json_null();
    if (!value) {
        struct text printable = TEXT_INIT;
        text_printable(&printable, c->died.data, c->died.len, c->died.len);
        value = json_string(text_string(&printable));
        text_deinit(&printable);
    }
    return value;
}

static json_t *child_json(const struct child *c)
{
    char started[40];
    units_format_time(c->started, started, sizeof started);
    return json_pack("{ss ss ss sI so si sb so}", "name", c->component->name, "state", child_state_name(c->state),
                     "address", c->address, "pid", (json_int_t)child_process_id(c), "started",
                     child_runs(c) ? json_string(started) : json_null(), "restarts", c->restarts, "silent", c->silent,
                     "died", died_json(c));
}

static void write_status(struct server *s)
{
    char started[40], api[300];
    json_t *list = json_array();
    struct error err = ERROR_INIT;
    units_format_time(s->started, started, sizeof started);
    snprintf(api, sizeof api, "http://%s:%d", s->options->host, s->base_port + API_PORT_OFFSET);
    for (size_t i = 0; i < s->count; i++)
        json_build_add(&list, child_json(&s->children[i]));
    json_t *status = json_pack("{sI ss ss si ss sb sb so}", "pid", (json_int_t)getpid(), "started", started, "host",
                               s->options->host, "base_port", s->base_port, "api", api, "ready", s->ready, "stopping",
                               s->stopping, "components", list);
    char *text = status ? json_text_of(status, 2) : NULL;
    if (!text)
        log_error("server", "out of memory: status.json is out of date");
    else if (server_home_write(&s->home, "status.json", text, &err) < 0)
        log_error("server", "cannot write status.json: %s", err.message);
    error_clear(&err);
    free(text);
    json_decref(status);
}

/* ---- starting ---- */

static void give_up(struct server *s, struct error *why);

static struct child *find_child(struct server *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->children[i].component->name, name) == 0)
            return &s->children[i];
    }
    return NULL;
}

static bool needs_ready(struct server *s, const struct child *c)
{
    for (const char *const *need = c->component->needs; need && *need; need++) {
        const struct child *other = find_child(s, *need);
        if (other && other->state != CHILD_READY)
            return false;
    }
    return true;
}

/* A token of the component's own, made afresh at every start. */
static int component_token(struct server *s, const char *name, struct text *out, struct error *err)
{
    static const char *const scopes[] = {"service", NULL};
    const struct micro_claims claims = {
        .subject = name,
        .type = "service",
        .issuer = MICRO_NAMESPACE,
        .name = name,
        .scopes = scopes,
        .expires = world_wall(s->world) / SECOND + SERVER_TOKEN_LIFE,
    };
    return micro_token_sign(text_string(&s->home.private_key), &claims, out, err);
}

/* The component's --peers, or "" when the folder says nothing of it. */
static int read_peers(struct server *s, const char *name, struct text *out, struct error *err)
{
    struct world_stat stat = {0};
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/%s", s->options->peers_dir ? s->options->peers_dir : "", name);
    int rc = text_ok(&path) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && s->options->peers_dir && world_stat(s->world, text_string(&path), &stat) == 0 && stat.exists)
        rc = world_read_file(s->world, text_string(&path), PEERS_MAX, out, err);
    out->len = strcspn(text_string(out), "\r\n");
    if (out->data)
        out->data[out->len] = '\0';
    text_deinit(&path);
    return rc;
}

/* The words of the prefix, with the name for each {}. */
static int split_prefix(struct server *s, const char *name, struct arena *arena, char ***words, size_t *count,
                        struct error *err)
{
    struct text line = TEXT_INIT;
    for (const char *p = s->options->prefix; p && *p; p++) {
        if (p[0] == '{' && p[1] == '}') {
            text_puts(&line, name);
            p++;
        } else {
            text_char(&line, *p);
        }
    }
    int rc = text_ok(&line) ? words_split(text_string(&line), arena, words, count, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&line);
    return rc < 0 ? error_wrap(err, "--component-prefix") : 0;
}

/* Its words, then the command line. */
static const char *const *behind_prefix(char **words, size_t count, const char *const *argv, struct arena *arena)
{
    size_t own = 0;
    while (argv[own])
        own++;
    const char **all = ARENA_NEW_N(arena, const char *, count + own + 1);
    for (size_t i = 0; all && i < count + own; i++)
        all[i] = i < count ? words[i] : argv[i - count];
    return all;
}

/* Keys and tokens go by environment, which only the same user can read, not by arguments, which everybody can. The
 * private key is auth's alone; the empty values keep what we may have inherited from the others. */
static int start_child(struct server *s, struct child *c, struct error *err)
{
    const char *name = c->component->name;
    bool auth = strcmp(name, "auth") == 0;
    const char *admin = s->options->admin_secret ? s->options->admin_secret : "";
    struct arena arena = ARENA_INIT;
    struct text token = TEXT_INIT, peers = TEXT_INIT;
    char **words = NULL;
    size_t count = 0;
    int rc = split_prefix(s, name, &arena, &words, &count, err);
    if (rc == 0)
        rc = component_token(s, name, &token, err);
    if (rc == 0)
        rc = read_peers(s, name, &peers, err);
    if (rc < 0)
        goto out;
    const char *const argv[] = {
        s->options->program,
        "service",
        name,
        "--data-dir",
        s->home.data,
        "--run-dir",
        s->home.run,
        "--host",
        s->options->host,
        "--base-port",
        arena_printf(&arena, "%d", s->base_port),
        "--profile",
        s->options->profile,
        peers.len ? "--peers" : NULL,
        text_string(&peers),
        NULL,
    };
    const char *const environment[] = {
        arena_printf(&arena, "MICRO_AUTH_PUBLIC_KEY=%s", text_string(&s->home.public_key)),
        arena_printf(&arena, "MICRO_AUTH_PRIVATE_KEY=%s", auth ? text_string(&s->home.private_key) : ""),
        arena_printf(&arena, "MICRO_TOKEN=%s", text_string(&token)),
        arena_printf(&arena, "MICRO_ADMIN_SECRET=%s", auth ? admin : ""),
        NULL,
    };
    if (!argv[10] || !environment[0] || !environment[1] || !environment[2] || !environment[3])
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    const char *const *whole = rc == 0 ? behind_prefix(words, count, argv, &arena) : NULL;
    if (rc == 0)
        rc = whole ? child_start(c, whole, environment, err) : error_set(err, ERROR_MEMORY, "out of memory");
out:
    text_deinit(&peers);
    text_deinit(&token);
    arena_deinit(&arena);
    return rc;
}

static void start_what_can(struct server *s)
{
    for (size_t i = 0; i < s->count && !s->stopping; i++) {
        struct child *c = &s->children[i];
        struct error err = ERROR_INIT;
        if (c->state != CHILD_WAITING || !needs_ready(s, c))
            continue;
        if (start_child(s, c, &err) < 0) {
            error_wrap(&err, "cannot start %s", c->component->name);
            if (s->ready) { /* the machine may be short of something for a while: keep trying */
                log_error("server", "%s", err.message);
                child_rest(c);
            } else {
                give_up(s, &err);
            }
        }
        error_clear(&err);
    }
}

/* ---- the first account's secret ---- */

#define FIRST_SECRET_MAX ((size_t)1024) /* bytes of the file auth puts a drawn secret in */

static bool first_secret_path(struct server *s, char out[HOME_PATH_MAX + 32])
{
    struct world_stat stat;
    snprintf(out, HOME_PATH_MAX + 32, "%s/auth/admin.secret", s->home.data);
    return world_stat(s->world, out, &stat) == 0 && stat.exists;
}

/* Once, at the very first start of a data directory. The secret itself only goes to a terminal: output that goes
 * anywhere else is kept, and secrets are not kept there. */
static void tell_first_secret(struct server *s)
{
    char path[HOME_PATH_MAX + 32];
    struct text secret = TEXT_INIT;
    if (s->had_secret || s->options->json || !first_secret_path(s, path))
        return;
    printf("The first account is \"admin\"; its secret was drawn and is kept in %s\n", path);
    if (isatty(STDOUT_FILENO) && world_read_file(s->world, path, FIRST_SECRET_MAX, &secret, NULL) == 0)
        printf("It is shown this once: %.*s\n", (int)strcspn(text_string(&secret), "\r\n"), text_string(&secret));
    text_deinit(&secret);
}

static void tell_ready(struct server *s)
{
    char took[64];
    world_timer_stop(&s->limit);
    units_format_duration(world_wall(s->world) - s->started, took, sizeof took);
    log_info("server", "all %zu components are ready after %s", s->count, took);
    if (!s->options->json) {
        tell_first_secret(s);
        printf("micro is up: api http://%s:%d, data %s\n", s->options->host, s->base_port + API_PORT_OFFSET,
               s->home.data);
    } else {
        json_t *addresses = json_object();
        char api[300];
        snprintf(api, sizeof api, "http://%s:%d", s->options->host, s->base_port + API_PORT_OFFSET);
        for (size_t i = 0; i < s->count; i++)
            json_build_set(&addresses, s->children[i].component->name, json_string(s->children[i].address));
        json_t *line = json_pack("{ss ss si ss si so}", "type", "ready", "api", api, "base_port", s->base_port,
                                 "data_dir", s->home.data, "pid", (int)getpid(), "components", addresses);
        char *text = line ? json_text_of(line, 0) : NULL;
        printf("%s\n", text ? text : "{\"type\":\"ready\"}");
        free(text);
        json_decref(line);
    }
    fflush(stdout);
}

/* ---- stopping ---- */

static bool needed_by_running(struct server *s, const struct child *c)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct child *other = &s->children[i];
        for (const char *const *need = child_runs(other) ? other->component->needs : NULL; need && *need; need++) {
            if (strcmp(*need, c->component->name) == 0)
                return true;
        }
    }
    return false;
}

/* SIGTERM for whatever no running component needs any more; the end when nothing runs. */
static void stop_more(struct server *s)
{
    bool any = false;
    for (size_t i = s->count; i > 0; i--) {
        struct child *c = &s->children[i - 1];
        any = any || child_runs(c);
        if (child_runs(c) && c->state != CHILD_STOPPED && !needed_by_running(s, c)) {
            c->state = CHILD_STOPPED;
            child_signal(c, SIGTERM);
        }
    }
    if (!any)
        world_stop(s->world);
}

static void kill_all(struct server *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (child_runs(&s->children[i])) {
            log_warn("server", "%s did not stop in time and is killed", s->children[i].component->name);
            child_signal(&s->children[i], SIGKILL);
        }
    }
}

static void stop(struct server *s)
{
    s->stopping = true;
    for (size_t i = 0; i < s->count; i++) {
        if (!child_runs(&s->children[i])) {
            world_timer_stop(&s->children[i].timer);
            s->children[i].state = CHILD_STOPPED;
        }
    }
    write_status(s);
    if (world_timer_start(&s->limit, SERVER_STOP_LIMIT) < 0)
        kill_all(s);
    stop_more(s);
}

static void give_up(struct server *s, struct error *why)
{
    if (s->stopping)
        return;
    (void)error_move(&s->failure, why);
    s->exit_code = 1;
    stop(s);
}

static void signalled(void *arg, int number)
{
    struct server *s = arg;
    if (s->stopping) {
        kill_all(s);
        return;
    }
    log_info("server", "%s: stopping", number == SIGINT ? "interrupted" : "terminated");
    stop(s);
}

static void limit_passed(void *arg)
{
    struct server *s = arg;
    if (s->stopping) {
        kill_all(s);
        return;
    }
    struct error why = ERROR_INIT;
    struct text names = TEXT_INIT;
    for (size_t i = 0; i < s->count; i++) {
        if (s->children[i].state != CHILD_READY)
            text_printf(&names, "%s%s (%s)", names.len ? ", " : "", s->children[i].component->name,
                        child_state_name(s->children[i].state));
    }
    error_set(&why, ERROR_TIMEOUT, "not everything was ready after %d s: %s", (int)(SERVER_START_LIMIT / SECOND),
              text_string(&names));
    text_deinit(&names);
    give_up(s, &why);
    error_clear(&why);
}

/* ---- what happens to children ---- */

static void child_died(struct server *s, struct child *c)
{
    server_home_remove(&s->home, c->component->name, "pid"); /* what was killed could not do that itself */
    log_warn("server", "%s: %s", c->component->name, text_string(&c->died));
    if (!c->was_ready && !s->ready && c->restarts + 1 >= SERVER_START_TRIES) {
        struct error why = ERROR_INIT;
        error_set(&why, ERROR_CLOSED, "%s does not come up: %s", c->component->name, text_string(&c->died));
        give_up(s, &why);
        error_clear(&why);
        return;
    }
    child_rest(c);
    char wait[64];
    units_format_duration((int64_t)c->backoff, wait, sizeof wait);
    log_info("server", "%s is started again in %s", c->component->name, wait);
}

static void child_changed(void *arg, struct child *c)
{
    struct server *s = arg;
    if (s->stopping) {
        if (!child_runs(c))
            stop_more(s);
        return;
    }
    if (c->state == CHILD_STOPPED)
        child_died(s, c);
    if (c->state == CHILD_READY && !c->told_ready) {
        c->told_ready = true;
        log_info("server", "%s is ready (process %lld, %s)", c->component->name, (long long)child_process_id(c),
                 c->address);
    }
    if (!s->stopping)
        world_task_post(&s->work);
}

/* Several changes of one loop turn are one write. */
static void work(void *arg)
{
    struct server *s = arg;
    bool all = true;
    if (s->stopping)
        return;
    start_what_can(s);
    for (size_t i = 0; i < s->count; i++)
        all = all && s->children[i].state == CHILD_READY;
    bool first = all && !s->ready;
    s->ready = s->ready || all;
    write_status(s); /* before the ready line: who waits for that may look */
    if (first)
        tell_ready(s);
}

/* ---- the whole ---- */

static int make_children(struct server *s, struct error *err)
{
    size_t count = 0;
    while (components[count].name)
        count++;
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "there are no components to run");
    s->children = calloc(count, sizeof *s->children);
    if (!s->children)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct child *c = &s->children[i];
        const struct component *component = &components[i];
        child_init(c, s->world, component);
        c->changed = child_changed;
        c->arg = s;
        bool api = strcmp(component->name, "api") == 0;
        snprintf(c->address, sizeof c->address, "%s:%d", s->options->host,
                 s->base_port + (api ? API_GRPC_OFFSET : component->port_offset));
        s->count++;
        int rc = child_keep_log(c, s->home.data, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int server_run(struct world *w, const struct server_options *options)
{
    struct server s = {.world = w, .options = options, .base_port = options->base_port};
    struct error err = ERROR_INIT;
    micro_memory_settle();
    world_timer_init(&s.limit, w, limit_passed, &s);
    world_task_init(&s.work, w, work, &s);
    s.started = world_wall(w);
    int rc = server_home_open(w, options->data_dir, &s.home, &err);
    bool open = rc == 0;
    char secret_path[HOME_PATH_MAX + 32];
    s.had_secret = open && first_secret_path(&s, secret_path);
    if (rc == 0)
        rc = options->base_port ? server_ports_check(w, options->host, options->base_port, &err)
                                : server_ports_find(w, options->host, &s.base_port, &s.claim, &err);
    if (rc == 0)
        rc = server_home_keys(&s.home, &err);
    if (rc == 0)
        rc = make_children(&s, &err);
    if (rc == 0 && (rc = world_timer_start(&s.limit, SERVER_START_LIMIT)) < 0)
        error_set(&err, rc, "out of memory");
    if (rc == 0) {
        world_on_signal(w, signalled, &s);
        world_task_post(&s.work);
        rc = world_run(w);
        world_on_signal(w, NULL, NULL);
        if (rc < 0)
            error_set(&err, rc, "the event loop ended: %s", error_code_name(rc));
        else if (s.failure.code != 0)
            rc = error_move(&err, &s.failure);
    }
    if (rc < 0) {
        struct text words = TEXT_INIT;
        error_format(&err, &words);
        fprintf(stderr, "micro server: %s\n", text_string(&words));
        text_deinit(&words);
        s.exit_code = 1;
    }
    world_task_cancel(&s.work);
    world_timer_stop(&s.limit);
    for (size_t i = 0; i < s.count; i++)
        child_deinit(&s.children[i]);
    free(s.children);
    world_listener_close(s.claim);
    if (open)
        server_home_close(&s.home);
    error_clear(&err);
    error_clear(&s.failure);
    return s.exit_code;
}
