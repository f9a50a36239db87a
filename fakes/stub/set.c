/* The set: its stubs, its memory, its sessions. */
#include "fakes/stub/template_tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct pb_field session_field = {.name = "session", .kind = PB_STRING, .oneof = -1};
static const struct pb_field caller_field = {.name = "caller", .kind = PB_STRING, .oneof = -1};

/* ---- life ---- */

int stub_set_new(const struct pb_pool *pool, uint64_t seed, struct stub_set **out, struct error *err)
{
    struct stub_set *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    s->pool = pool;
    s->seed = seed;
    s->next_id = 1;
    s->plain = set_session(s, "", true);
    if (s->plain == NULL) {
        stub_set_free(s);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *out = s;
    return 0;
}

static void session_free(struct stub_set *s, struct session *session)
{
    struct map_entry *e;
    s->states -= map_count(&session->uses) + map_count(&session->states) + map_count(&session->counters);
    for (e = map_first(&session->uses); e != NULL; e = map_next(e))
        free(map_value(e));
    for (e = map_first(&session->states); e != NULL; e = map_next(e))
        free(map_value(e));
    for (e = map_first(&session->counters); e != NULL; e = map_next(e))
        free(map_value(e));
    map_deinit(&session->uses);
    map_deinit(&session->states);
    map_deinit(&session->counters);
    free(session);
}

static void method_free(struct stub_method *m)
{
    index_deinit(&m->index);
    array_deinit(&m->metadata);
    arena_deinit(&m->arena);
    free(m);
}

void stub_set_free(struct stub_set *s)
{
    struct map_entry *e;
    if (s == NULL)
        return;
    stub_set_clear(s);
    set_batch_close(s);
    for (e = map_first(&s->methods); e != NULL; e = map_next(e))
        method_free(map_value(e));
    for (e = map_first(&s->sessions); e != NULL; e = map_next(e))
        session_free(s, map_value(e));
    for (e = map_first(&s->files); e != NULL; e = map_next(e))
        free(map_value(e));
    for (e = map_first(&s->names); e != NULL; e = map_next(e)) {
        struct stub_names *empty = map_value(e); /* of a stub for which there was no memory in the end */
        array_deinit(&empty->ids);
        free(empty);
    }
    map_deinit(&s->methods);
    map_deinit(&s->names);
    map_deinit(&s->sessions);
    map_deinit(&s->files);
    patterns_deinit(&s->patterns);
    array_deinit(&s->rows);
    scan_deinit(&s->scan);
    arena_deinit(&s->scratch);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *set_file(struct stub_set *s, const char *name)
{
    char *copy = map_get(&s->files, name);
    if (copy != NULL)
        return copy;
    copy = strdup(name);
    if (copy == NULL || !map_put(&s->files, name, copy)) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* ---- methods ---- */

static bool method_init(struct stub_method *m, const struct pb_method *method)
{
    struct pb_field *messages = ARENA_NEW(&m->arena, struct pb_field);
    m->method = method;
    if (messages == NULL || !plan_init(&m->plan, &m->arena, method->input, "when"))
        return false;
    *messages = (struct pb_field){
        .name = "messages", .kind = PB_MESSAGE, .repeated = true, .oneof = -1, .message = method->input};
    return plan_slot(&m->plan, &session_field, "session") == SLOT_SESSION &&
           plan_slot(&m->plan, &caller_field, "caller") == SLOT_CALLER &&
           plan_slot(&m->plan, messages, "messages") == SLOT_MESSAGES;
}

struct stub_method *set_method(struct stub_set *s, const struct pb_method *method)
{
    struct stub_method *m = map_get(&s->methods, method->path);
    if (m != NULL)
        return m;
    m = calloc(1, sizeof *m);
    if (m == NULL || !method_init(m, method) || !map_put(&s->methods, method->path, m)) {
        if (m != NULL)
            method_free(m);
        return NULL;
    }
    return m;
}

struct plan *method_plan(struct stub_method *m)
{
    return &m->plan;
}

const struct pb_field *method_messages(struct stub_method *m)
{
    return m->plan.slots[SLOT_MESSAGES].field;
}

int method_messages_slot(void)
{
    return SLOT_MESSAGES;
}

void method_look_at_messages(struct stub_method *m)
{
    m->looks_at_messages = true;
}

int method_text_slot(bool session, const struct pb_field **field)
{
    *field = session ? &session_field : &caller_field;
    return session ? SLOT_SESSION : SLOT_CALLER;
}

const char *method_name(const struct stub_method *m, bool service)
{
    return service ? m->method->service->full_name : m->method->name;
}

int method_metadata(struct stub_method *m, const char *name, const struct pb_field **field)
{
    char *lower = arena_string(&m->arena, name);
    for (char *at = lower; at != NULL && *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    for (size_t i = 0; lower != NULL && i < m->metadata.count; i++)
        if (strcmp(m->metadata.items[i].name, lower) == 0) {
            *field = m->plan.slots[m->metadata.items[i].slot].field;
            return m->metadata.items[i].slot;
        }
    struct pb_field *f = ARENA_NEW(&m->arena, struct pb_field);
    const char *path = lower != NULL ? arena_printf(&m->arena, "metadata.%s", lower) : NULL;
    if (f == NULL || path == NULL || !array_grow(&m->metadata))
        return -1;
    size_t len = strlen(lower);
    bool binary = len > 4 && strcmp(lower + len - 4, "-bin") == 0;
    *f = (struct pb_field){.name = lower, .kind = binary ? PB_BYTES : PB_STRING, .optional = true, .oneof = -1};
    int slot = plan_slot(&m->plan, f, path);
    if (slot >= 0)
        m->metadata.items[m->metadata.count++] = (struct metadata_watch){.name = lower, .slot = slot};
    *field = f;
    return slot;
}

/* ---- memory of stubs ---- */

void set_release_batch(struct stub_set *s, struct batch *b)
{
    if (--b->stubs > 0)
        return;
    if (s->open == b)
        s->open = NULL;
    arena_deinit(&b->arena);
    free(b);
}

/* The open batch counts as one stub of itself, so that it outlives those that come and go in it. */
void set_batch_close(struct stub_set *s)
{
    struct batch *b = s->open;
    s->open = NULL;
    if (b != NULL)
        set_release_batch(s, b);
}

struct batch *set_batch(struct stub_set *s)
{
    if (s->open != NULL && s->open->arena.used >= BATCH_SIZE)
        set_batch_close(s);
    if (s->open == NULL) {
        s->open = calloc(1, sizeof *s->open);
        if (s->open != NULL)
            s->open->stubs = 1;
    }
    return s->open;
}

/* ---- names of stubs ---- */

static const char *name_of(const struct stub *stub)
{
    return stub->extra != NULL ? stub->extra->name : NULL;
}

static bool names_add(struct stub_set *s, const struct stub *stub)
{
    const char *name = name_of(stub);
    struct stub_names *all = name != NULL ? map_get(&s->names, name) : NULL;
    if (name == NULL)
        return true;
    if (all == NULL) {
        all = calloc(1, sizeof *all);
        if (all == NULL || !map_put(&s->names, name, all)) {
            free(all);
            return false;
        }
    }
    /* An empty list that stays behind is used by the next stub of the name, or goes with the set. */
    return array_push(&all->ids, stub->id);
}

static void names_remove(struct stub_set *s, const struct stub *stub)
{
    const char *name = name_of(stub);
    struct stub_names *all = name != NULL ? map_get(&s->names, name) : NULL;
    for (size_t i = all != NULL ? all->ids.count : 0; i-- > 0;)
        if (all->ids.items[i] == stub->id)
            array_remove(&all->ids, i);
    if (all != NULL && all->ids.count == 0) {
        map_remove(&s->names, name);
        array_deinit(&all->ids);
        free(all);
    }
}

struct stub_row *set_named(struct stub_set *s, const char *name, uint64_t before)
{
    const struct stub_names *all = map_get(&s->names, name);
    for (size_t i = all != NULL ? all->ids.count : 0; i-- > 0;)
        if (all->ids.items[i] < before)
            return set_row(s, all->ids.items[i]);
    return NULL;
}

/* ---- stubs ---- */

int set_take(struct stub_set *s, struct stub *stub, struct error *err)
{
    stub->id = s->next_id;
    if (!array_grow(&s->rows) || !names_add(s, stub))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (!index_add(stub)) {
        names_remove(s, stub);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    s->rows.items[s->rows.count++] = (struct stub_row){stub->id, stub};
    s->next_id++;
    stub->method->stubs++;
    stub->batch->stubs++;
    return 0;
}

void set_drop(struct stub_set *s, struct stub_row *row)
{
    struct stub *stub = row->stub;
    index_remove(stub);
    names_remove(s, stub);
    stub->method->stubs--;
    for (size_t i = 0; stub->extra != NULL && i < stub->extra->pattern_count; i++)
        pattern_release(&s->patterns, stub->extra->patterns[i]);
    set_release_batch(s, stub->batch);
    row->stub = NULL;
    s->holes++;
    while (s->rows.count > 0 && array_last(&s->rows)->stub == NULL) {
        s->rows.count--;
        s->holes--;
    }
}

void set_compact(struct stub_set *s)
{
    size_t kept = 0;
    if (s->holes * 2 <= s->rows.count)
        return;
    for (size_t i = 0; i < s->rows.count; i++)
        if (s->rows.items[i].stub != NULL)
            s->rows.items[kept++] = s->rows.items[i];
    s->rows.count = kept;
    s->holes = 0;
}

struct stub_row *set_row(struct stub_set *s, uint64_t id)
{
    size_t low = 0, high = s->rows.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->rows.items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < s->rows.count && s->rows.items[low].id == id && s->rows.items[low].stub != NULL;
    return found ? &s->rows.items[low] : NULL;
}

int stub_set_remove(struct stub_set *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    struct stub_row *row = set_row(s, id);
    if (row != NULL)
        set_drop(s, row);
    set_compact(s);
    pthread_mutex_unlock(&s->lock);
    return row != NULL ? 0 : ERROR_NOT_FOUND;
}

size_t stub_set_remove_named(struct stub_set *s, const char *name)
{
    struct stub_row *row;
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    for (; (row = set_named(s, name, UINT64_MAX)) != NULL; count++)
        set_drop(s, row);
    set_compact(s);
    pthread_mutex_unlock(&s->lock);
    return count;
}

void stub_set_clear(struct stub_set *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->rows.count > 0)
        set_drop(s, array_last(&s->rows));
    pthread_mutex_unlock(&s->lock);
    stub_set_reset(s, "");
}

/* ---- sessions ---- */

struct session *set_session(struct stub_set *s, const char *name, bool make)
{
    struct session *session = map_get(&s->sessions, name);
    if (session != NULL || !make || map_count(&s->sessions) > STUB_SESSIONS_MAX)
        return session;
    session = calloc(1, sizeof *session);
    if (session == NULL || !map_put(&s->sessions, name, session)) {
        free(session);
        return NULL;
    }
    return session;
}

bool asking_session(struct asking *x)
{
    if (x->session == NULL)
        x->session = set_session(x->set, x->asked->session, true);
    if (x->session == NULL)
        error_set(&x->why, ERROR_LIMIT, "there is no room for another session: end some with Reset");
    return x->session != NULL;
}

static bool room(struct asking *x)
{
    if (x->set->states < STUB_STATES_MAX)
        return true;
    error_set(&x->why, ERROR_LIMIT, "sessions keep %d states, counters and counts already: end some with Reset",
              STUB_STATES_MAX);
    return false;
}

static bool no_memory(struct asking *x)
{
    error_set(&x->why, ERROR_MEMORY, "out of memory");
    return false;
}

struct stub_use asking_use(const struct asking *x, const struct stub *stub)
{
    if (x->session == x->set->plain)
        return stub->use;
    const struct stub_use *use = x->session != NULL ? map_get_n(&x->session->uses, &stub->id, sizeof stub->id) : NULL;
    return use != NULL ? *use : (struct stub_use){0};
}

bool asking_put_use(struct asking *x, struct stub *stub, struct stub_use use)
{
    if (!asking_session(x))
        return false;
    if (x->session == x->set->plain) {
        stub->use = use;
        return true;
    }
    struct stub_use *kept = map_get_n(&x->session->uses, &stub->id, sizeof stub->id);
    if (kept == NULL) {
        if (!room(x))
            return false;
        kept = calloc(1, sizeof *kept);
        if (kept == NULL || !map_put_n(&x->session->uses, &stub->id, sizeof stub->id, kept)) {
            free(kept);
            return no_memory(x);
        }
        x->set->states++;
    }
    *kept = use;
    return true;
}

const char *asking_state(const struct asking *x, const char *machine)
{
    const char *state = x->session != NULL ? map_get(&x->session->states, machine) : NULL;
    return state != NULL ? state : STUB_STATE_START;
}

bool asking_put_state(struct asking *x, const char *machine, const char *state)
{
    if (!asking_session(x))
        return false;
    char *before = map_get(&x->session->states, machine), *copy = strdup(state);
    if (copy == NULL)
        return no_memory(x);
    if ((before == NULL && !room(x)) || !map_put(&x->session->states, machine, copy)) {
        free(copy);
        return x->why.code != 0 ? false : no_memory(x);
    }
    x->set->states += before == NULL;
    free(before);
    return true;
}

void stub_set_reset(struct stub_set *s, const char *session)
{
    pthread_mutex_lock(&s->lock);
    bool all = session[0] == '\0';
    for (size_t i = s->rows.count; i-- > 0;) {
        struct stub *stub = i < s->rows.count ? s->rows.items[i].stub : NULL;
        if (stub == NULL)
            continue;
        const char *own = stub->extra != NULL && stub->extra->session != NULL ? stub->extra->session : "";
        if (all)
            stub->use = (struct stub_use){0};
        if (stub->added && (all || strcmp(own, session) == 0))
            set_drop(s, &s->rows.items[i]);
    }
    for (struct map_entry *e = map_first(&s->sessions), *next; e != NULL; e = next) {
        struct session *one = map_value(e);
        next = map_next(e);
        if (one == s->plain || (!all && strcmp(map_key(e), session) != 0))
            continue;
        map_remove(&s->sessions, map_key(e));
        session_free(s, one);
    }
    if (all && s->plain != NULL) {
        struct session *plain = s->plain;
        struct map_entry *e;
        s->states -= map_count(&plain->states) + map_count(&plain->counters);
        for (e = map_first(&plain->states); e != NULL; e = map_next(e))
            free(map_value(e));
        for (e = map_first(&plain->counters); e != NULL; e = map_next(e))
            free(map_value(e));
        map_deinit(&plain->states);
        map_deinit(&plain->counters);
        plain->states = plain->counters = MAP_INIT;
    }
    set_compact(s);
    pthread_mutex_unlock(&s->lock);
}

/* ---- looking ---- */

static struct stub_info info_of(const struct stub *stub)
{
    const struct stub_extra *e = stub->extra;
    return (struct stub_info){
        .id = stub->id,
        .name = e != NULL && e->name != NULL ? e->name : "",
        .method = stub->method->method,
        .file = stub->file,
        .line = stub->line,
        .column = stub->column,
        .priority = stub->priority,
        .session = e != NULL && e->session != NULL ? e->session : "",
        .used = stub->used,
        .last = stub->last,
        .times = stub->times,
        .added = stub->added,
    };
}

/* The lock is no part of what a const set promises. */
static pthread_mutex_t *lock_of(const struct stub_set *s)
{
    struct stub_set *open;
    memcpy(&open, &s, sizeof open);
    return &open->lock;
}

size_t stub_set_count(const struct stub_set *s)
{
    pthread_mutex_lock(lock_of(s));
    size_t count = s->rows.count - s->holes;
    pthread_mutex_unlock(lock_of(s));
    return count;
}

bool stub_set_has(const struct stub_set *s, const struct pb_method *method)
{
    pthread_mutex_lock(lock_of(s));
    const struct stub_method *m = map_get(&s->methods, method->path);
    bool has = m != NULL && m->stubs > 0;
    pthread_mutex_unlock(lock_of(s));
    return has;
}

void stub_set_list(const struct stub_set *s, bool unused_only, void (*each)(void *arg, const struct stub_info *stub),
                   void *arg)
{
    pthread_mutex_lock(lock_of(s));
    for (size_t i = 0; i < s->rows.count; i++) {
        const struct stub *stub = s->rows.items[i].stub;
        if (stub == NULL || (unused_only && stub->used > 0))
            continue;
        struct stub_info info = info_of(stub);
        each(arg, &info);
    }
    pthread_mutex_unlock(lock_of(s));
}

int stub_set_find(const struct stub_set *s, uint64_t id, struct stub_info *out)
{
    struct stub_set *open;
    memcpy(&open, &s, sizeof open);
    pthread_mutex_lock(&open->lock);
    const struct stub_row *row = set_row(open, id);
    if (row != NULL)
        *out = info_of(row->stub);
    pthread_mutex_unlock(&open->lock);
    return row != NULL ? 0 : ERROR_NOT_FOUND;
}
