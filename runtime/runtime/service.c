/* Services: the objects, their queues of changes, their status, and what is told of them. */
#include "base/log.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64

/* ---- last lines ---- */

void runner_tail_add(struct runner_tail *t, struct bytes line)
{
    char *kept = t->lines[t->count++ % RUNNER_LINES];
    struct text printable = TEXT_INIT;
    logs_message(BYTES(line.data, line.len < RUNNER_LINE_MAX ? line.len : RUNNER_LINE_MAX), &printable);
    size_t len = printable.len < RUNNER_LINE_MAX - 1 ? printable.len : RUNNER_LINE_MAX - 1;
    while (len > 0 && len < printable.len && ((unsigned char)printable.data[len] & 0xc0) == 0x80)
        len--; /* not inside a character */
    memcpy(kept, text_string(&printable), len);
    kept[len] = '\0';
    text_deinit(&printable);
}

void runner_tail_tell(const struct runner_tail *t, struct text *out)
{
    size_t count = t->count < RUNNER_LINES ? t->count : RUNNER_LINES;
    if (count > 0)
        text_puts(out, "; its last lines:");
    for (size_t i = t->count - count; i < t->count; i++)
        text_printf(out, "\n    %s", t->lines[i % RUNNER_LINES]);
}

/* ---- making and finding ---- */

static int make_key(const char *namespace, const char *name, const char *version, struct text *key)
{
    text_printf(key, "service:%s:%s:%s", namespace, name, version);
    return text_ok(key) ? 0 : ERROR_MEMORY;
}

struct runner_service *runner_service_find(struct runner *r, const char *namespace, const char *name,
                                           const char *version)
{
    struct text key = TEXT_INIT;
    struct runner_service *s =
        make_key(namespace, name, version, &key) == 0 ? map_get(&r->services, text_string(&key)) : NULL;
    text_deinit(&key);
    return s;
}

static bool anything_left(const struct runner_service *s)
{
    return s->active || s->coming || s->stopping;
}

static void turn_run(void *arg)
{
    struct runner_service *s = arg;
    if (!s->turns || s->runner->stopping)
        return;
    s->turn_begun = true;
    s->turns->begin(s->turns->arg);
}

/* Releases of which nothing runs any more are let go. */
static void release_gone(struct runner_service *s)
{
    for (struct runner_release **at = &s->stopping; *at;) {
        struct runner_release *r = *at;
        bool gone = r->prepare == NULL;
        for (size_t i = 0; gone && i < r->instance_count; i++)
            gone = r->instances[i].process == NULL;
        if (!gone) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        bool kept = (s->current && s->current->generation == r->generation) ||
                    (s->next && s->next->generation == r->generation);
        if (!kept || !s->exists)
            runner_folder_remove(s, r->generation);
        runner_release_free(r);
    }
}

static bool all_done(const struct runner_service *s)
{
    if (!s->active || s->coming || s->active->instance_count == 0)
        return false;
    for (size_t i = 0; i < s->active->instance_count; i++)
        if (s->active->instances[i].state != INSTANCE_DONE)
            return false;
    return true;
}

static void service_work(void *arg)
{
    struct runner_service *s = arg;
    struct runner *r = s->runner;
    release_gone(s);
    enum runner_status status = runner_service_status(s);
    if (status != s->status) {
        s->status = status;
        s->status_since = world_wall(r->world);
    }
    if (s->exists && !s->finished && all_done(s)) {
        s->finished = true;
        runner_service_save(s);
    }
    if (!anything_left(s) && s->stopped) {
        void (*stopped)(void *arg) = s->stopped;
        s->stopped = NULL;
        stopped(s->stopped_arg);
        if (r->stopping)
            runner_drain_go_on(r);
        return;
    }
    if (r->stopping) {
        runner_service_stop(s, NULL, NULL); /* also what was started by a change that came through meanwhile */
        runner_drain_go_on(r);
        return;
    }
    if (!s->exists && !s->turns && !anything_left(s)) {
        map_remove(&r->services, s->key);
        runner_service_free(s);
    }
}

struct runner_service *runner_service_get(struct runner *r, const char *namespace, const char *name,
                                          const char *version)
{
    struct runner_service *s = runner_service_find(r, namespace, name, version);
    struct text key = TEXT_INIT, id = TEXT_INIT;
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->runner = r;
    s->turns_end = &s->turns;
    world_task_init(&s->turn_task, r->world, turn_run, s);
    world_task_init(&s->idle_task, r->world, service_work, s);
    s->status_since = world_wall(r->world);
    (void)make_key(namespace, name, version, &key);
    text_printf(&id, "%s-%s", name, version);
    s->key = text_take(&key);
    s->id = text_take(&id);
    s->namespace = strdup(namespace);
    s->name = strdup(name);
    s->version = strdup(version);
    /* helloworld and notes may run as components too, whose logs the supervisor writes. */
    bool component = strcmp(namespace, MICRO_NAMESPACE) == 0 && component_find(name);
    text_printf(&id, "%s-%s%s", name, version, component ? ".run" : "");
    s->log_name = text_take(&id);
    bool ok = s->key && s->id && s->namespace && s->name && s->version && s->log_name &&
              logs_writer_new(r->logs, namespace, s->log_name, 0, &s->log, NULL) == 0;
    if (!ok || !map_put(&r->services, s->key, s)) {
        runner_service_free(s);
        return NULL;
    }
    return s;
}

/* When we stop: whoever has the turn ends by himself, since his calls are cancelled; the others are dropped. */
static void turns_drop(struct runner_service *s)
{
    struct runner_turn *waiting = s->turn_begun && s->turns ? s->turns->next : s->turns;
    if (s->turn_begun && s->turns)
        s->turns->next = NULL;
    else
        s->turns = NULL;
    while (waiting) {
        struct runner_turn *next = waiting->next;
        waiting->drop(waiting->arg);
        waiting = next;
    }
}

void runner_service_quit(struct runner_service *s)
{
    turns_drop(s);
    s->stopped = NULL;
    runner_deletion_quit(s);
}

void runner_service_free(struct runner_service *s)
{
    turns_drop(s);
    runner_deletion_free(s->deletion);
    world_task_cancel(&s->turn_task);
    if (s->active)
        runner_release_free(s->active);
    if (s->coming)
        runner_release_free(s->coming);
    while (s->stopping) {
        struct runner_release *r = s->stopping;
        s->stopping = r->next;
        runner_release_free(r);
    }
    world_task_cancel(&s->idle_task);
    runner_spec_free(s->current);
    runner_spec_free(s->next);
    logs_writer_free(s->log);
    text_deinit(&s->update_error);
    if (s->account_secret)
        memset(s->account_secret, 0, strlen(s->account_secret));
    free(s->account_secret);
    free(s->owner);
    free(s->key);
    free(s->id);
    free(s->log_name);
    free(s->namespace);
    free(s->name);
    free(s->version);
    free(s);
}

void runner_service_changed(struct runner_service *s)
{
    world_task_post(&s->idle_task);
}

void runner_service_write(struct runner_service *s, const char *format, ...)
{
    struct text line = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&line, format, args);
    va_end(args);
    logs_write(s->log, "runtime", 0, text_bytes(&line));
    text_deinit(&line);
}

/* ---- turns ---- */

void runner_turn_begin(struct runner_service *s, struct runner_turn *turn)
{
    bool alone = s->turns == NULL;
    turn->next = NULL;
    if (alone)
        s->turns_end = &s->turns;
    *s->turns_end = turn;
    s->turns_end = &turn->next;
    if (alone)
        world_task_post(&s->turn_task);
}

void runner_turn_end(struct runner_service *s)
{
    s->turn_begun = false;
    s->reserved = 0;
    s->reserved_unbounded = false;
    s->turns = s->turns->next;
    if (!s->turns)
        s->turns_end = &s->turns;
    else
        world_task_post(&s->turn_task);
    runner_service_changed(s);
}

/* ---- slots ---- */

int runner_slot_take(struct runner_service *s)
{
    for (int i = 0; i < SLOTS; i++) {
        if (!(s->slots >> i & 1)) {
            s->slots |= (uint64_t)1 << i;
            return i;
        }
    }
    return -1;
}

void runner_slot_give(struct runner_service *s, int slot)
{
    if (slot >= 0)
        s->slots &= ~((uint64_t)1 << slot);
}

/* ---- stopping ---- */

void runner_service_stop(struct runner_service *s, void (*stopped)(void *arg), void *arg)
{
    if (stopped) {
        s->stopped = stopped;
        s->stopped_arg = arg;
    }
    if (s->coming)
        runner_release_stop(s->coming);
    if (s->active)
        runner_release_stop(s->active);
    if (stopped)
        runner_service_changed(s);
}

/* ---- status ---- */

const char *runner_status_word(enum runner_status s)
{
    static const char *const words[] = {"unknown", "pending",  "building", "starting",
                                        "running", "stopping", "stopped",  "error"};
    return words[s];
}

enum runner_status runner_service_status(const struct runner_service *s)
{
    const struct runner_release *r = s->active;
    if (s->deleting || s->stopped || (!s->exists && anything_left(s)))
        return RUNNER_STOPPING;
    if (!r && s->stopping && !s->coming)
        return RUNNER_STOPPING;
    if (!r)
        return s->finished ? RUNNER_STOPPED : RUNNER_PENDING;
    if (r->state == RELEASE_FAILED)
        return RUNNER_ERROR;
    if (r->state == RELEASE_PREPARING)
        return r->building ? RUNNER_BUILDING : RUNNER_PENDING;
    bool starting = false, running = false;
    for (size_t i = 0; i < r->instance_count; i++) {
        enum runner_instance_state state = r->instances[i].state;
        if (state == INSTANCE_RESTING || state == INSTANCE_FAILED)
            return RUNNER_ERROR;
        starting = starting || state == INSTANCE_STARTING || state == INSTANCE_IDLE;
        running = running || state == INSTANCE_RUNNING;
    }
    return starting ? RUNNER_STARTING : running ? RUNNER_RUNNING : RUNNER_STOPPED;
}

/* ---- what is told ---- */

static void tell_error(const struct runner_service *s, struct text *out)
{
    const struct runner_release *r = s->active;
    if (r && r->error.len)
        text_puts(out, text_string(&r->error));
    for (size_t i = 0; r && i < r->instance_count; i++) {
        const struct runner_instance *instance = &r->instances[i];
        if (!instance->died.len || (instance->state != INSTANCE_RESTING && instance->state != INSTANCE_FAILED))
            continue;
        text_printf(out, "%s%s", out->len ? "; " : "", text_string(&instance->died));
        break;
    }
    if (s->update_error.len)
        text_printf(out, "%s%s", out->len ? "; " : "", text_string(&s->update_error));
}

static bool add(Runtime__Service *m, struct arena *arena, const char *key, const char *value)
{
    Runtime__Service__MetadataEntry *entry = ARENA_NEW(arena, Runtime__Service__MetadataEntry);
    if (!entry)
        return false;
    runtime__service__metadata_entry__init(entry);
    entry->key = arena_string(arena, key);
    entry->value = arena_string(arena, value);
    m->metadata[m->n_metadata++] = entry;
    return entry->key && entry->value;
}

static bool ours(const char *name)
{
    static const char *const names[] = {"owner", "group", "started", "status",           "source",    "build",
                                        "error", "pid",   "retries", "lastStatusUpdate", "instances", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool add_time(Runtime__Service *m, struct arena *arena, const char *key, int64_t wall)
{
    char time[40];
    units_format_time(wall, time, sizeof time);
    return wall == 0 || add(m, arena, key, time);
}

static bool add_processes(Runtime__Service *m, struct arena *arena, const struct runner_service *s)
{
    struct text pids = TEXT_INIT, count = TEXT_INIT;
    int64_t failures = 0, running = 0;
    const struct runner_release *r = s->active;
    for (size_t i = 0; r && i < r->instance_count; i++) {
        const struct runner_instance *instance = &r->instances[i];
        if (instance->process)
            text_printf(&pids, "%s%lld", pids.len ? "," : "", (long long)world_process_id(instance->process));
        running += instance->process != NULL;
        if (instance->failures > failures)
            failures = instance->failures;
    }
    text_printf(&count, "%lld/%lld", (long long)running, (long long)(s->current ? s->current->instances : 0));
    bool ok =
        (pids.len == 0 || add(m, arena, "pid", text_string(&pids))) && add(m, arena, "instances", text_string(&count));
    text_clear(&count);
    text_printf(&count, "%lld", (long long)failures);
    ok = ok && add(m, arena, "retries", text_string(&count));
    text_deinit(&pids);
    text_deinit(&count);
    return ok;
}

Runtime__Service *runner_service_message(struct runner_service *s, struct arena *arena)
{
    Runtime__Service *m = ARENA_NEW(arena, Runtime__Service);
    const struct runner_spec *spec = s->current;
    size_t given = spec ? spec->metadata_count : 0;
    if (!m)
        return NULL;
    runtime__service__init(m);
    enum runner_status status = runner_service_status(s);
    if (status != s->status) {
        s->status = status;
        s->status_since = world_wall(s->runner->world);
    }
    m->name = arena_string(arena, s->name);
    m->version = arena_string(arena, s->version);
    m->source = arena_string(arena, spec ? spec->source : "");
    m->status = (int32_t)status;
    m->metadata = ARENA_NEW_N(arena, Runtime__Service__MetadataEntry *, given + 16);
    bool ok = m->name && m->version && m->source && m->metadata;
    for (size_t i = 0; ok && i < given; i++)
        ok = ours(spec->metadata[i].name) || add(m, arena, spec->metadata[i].name, spec->metadata[i].value);
    struct text text = TEXT_INIT;
    if (spec)
        text_printf(&text, "%llx", (unsigned long long)spec->generation);
    ok = ok && add(m, arena, "owner", s->owner ? s->owner : "") && add(m, arena, "group", s->namespace) &&
         add(m, arena, "status", runner_status_word(status)) && add(m, arena, "source", m->source) &&
         add_time(m, arena, "started", s->started) && add_time(m, arena, "lastStatusUpdate", s->status_since) &&
         add_processes(m, arena, s) && (!s->active || !s->active->folder || add(m, arena, "build", text_string(&text)));
    text_clear(&text);
    tell_error(s, &text);
    ok = ok && (text.len == 0 || add(m, arena, "error", text_string(&text)));
    text_deinit(&text);
    return ok ? m : NULL;
}

/* ---- records ---- */

static json_t *seal(const struct runner_service *s, const char *plain)
{
    struct text sealed = TEXT_INIT;
    json_t *out = NULL;
    if (config_seal(&s->runner->key, s->namespace, bytes_of(plain ? plain : ""), &sealed, NULL) == 0)
        out = json_string(text_string(&sealed));
    text_deinit(&sealed);
    return out;
}

json_t *runner_service_json(const struct runner_service *s, const struct runner_spec *now,
                            const struct runner_spec *then, bool finished)
{
    const struct config_key *key = &s->runner->key;
    json_t *current = now ? runner_spec_json(now, key, s->namespace) : json_null();
    json_t *next = then ? runner_spec_json(then, key, s->namespace) : json_null();
    return json_pack("{ss ss ss ss sb sb so so so}", "namespace", s->namespace, "name", s->name, "version", s->version,
                     "owner", s->owner ? s->owner : "", "finished", finished, "deleting", s->deleting, "account",
                     seal(s, s->account_secret), "current", current, "next", next);
}

static int load_secret(struct runner_service *s, const json_t *record, struct error *err)
{
    const char *sealed = json_string_value(json_object_get(record, "account"));
    struct text plain = TEXT_INIT;
    int rc = sealed ? config_unseal(&s->runner->key, s->namespace, bytes_of(sealed), &plain, err)
                    : error_set(err, ERROR_SYNTAX, "the record has no account");
    if (rc == 0)
        s->account_secret = text_take(&plain);
    text_deinit(&plain);
    return rc < 0 || s->account_secret ? rc : error_set(err, ERROR_MEMORY, "out of memory");
}

int runner_service_load(struct runner *r, const json_t *record, struct error *err)
{
    const char *namespace = json_string_value(json_object_get(record, "namespace"));
    const char *name = json_string_value(json_object_get(record, "name"));
    const char *version = json_string_value(json_object_get(record, "version"));
    const char *owner = json_string_value(json_object_get(record, "owner"));
    if (!namespace || !name || !version || !runner_name_valid(namespace) || !runner_name_valid(name) ||
        !runner_name_valid(version))
        return error_set(err, ERROR_SYNTAX, "the record holds no service");
    struct runner_service *s = runner_service_get(r, namespace, name, version);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    const json_t *next = json_object_get(record, "next");
    int rc = load_secret(s, record, err);
    if (rc == 0)
        rc = runner_spec_parse(json_object_get(record, "current"), &r->key, namespace, &s->current, err);
    if (rc == 0 && json_is_object(next))
        rc = runner_spec_parse(next, &r->key, namespace, &s->next, err);
    s->owner = strdup(owner ? owner : "");
    if (rc == 0 && !s->owner)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc < 0) {
        runner_service_changed(s); /* it goes again */
        return rc;
    }
    s->exists = true;
    s->finished = json_is_true(json_object_get(record, "finished"));
    if (s->current->generation > r->generation)
        r->generation = s->current->generation;
    if (s->next && s->next->generation > r->generation)
        r->generation = s->next->generation;
    s->deleting = json_is_true(json_object_get(record, "deleting"));
    if (s->deleting) {
        runner_deletion_start(s, NULL, "");
        return 0;
    }
    if (!s->finished)
        runner_release_start(s, s->current, false);
    if (s->next)
        runner_release_start(s, s->next, true);
    runner_service_changed(s);
    return 0;
}
