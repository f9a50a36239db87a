#include "harrow/run/past.h"

#include "base/result.h"
#include "base/map.h"
#include "reports/history.h"

#include <stdlib.h>
#include <string.h>

#define RUNS_LOOKED_AT 50
#define STREAM_MAX     ((size_t)1 << 30) /* bytes */

struct past {
    struct e2e_past operations;
    struct map durations; /* suite, NUL, name -> ns, as a pointer */
    struct map lines;     /* suite, NUL, name -> json_t *, a list; owned */
    struct text key;      /* the one that is put or looked for, with room for the longest there is */
    char *id;
    uint64_t seed;
    size_t verdicts;
    bool without_history;
};

static bool make_key(struct past *p, const char *suite, const char *name)
{
    text_clear(&p->key);
    text_add(&p->key, suite, strlen(suite) + 1);
    text_puts(&p->key, name);
    return text_ok(&p->key);
}

/* Needs no memory, so that all shards find the same: what is longer than every key is none. */
static void *find(struct past *p, const struct map *m, const char *suite, const char *name)
{
    bool fits = strlen(suite) + 1 + strlen(name) < p->key.capacity;
    return fits && make_key(p, suite, name) ? map_get_n(m, p->key.data, p->key.len) : NULL;
}

static uint64_t duration(void *arg, const char *suite, const char *name)
{
    struct past *p = arg;
    return (uint64_t)(uintptr_t)find(p, &p->durations, suite, name);
}

static json_t *lines(void *arg, const char *suite, const char *name)
{
    struct past *p = arg;
    return find(p, &p->lines, suite, name);
}

/* ---- the history ---- */

static int keep_duration(void *arg, const char *suite, const char *name, uint64_t ns)
{
    struct past *p = arg;
    bool ok = make_key(p, suite, name) &&
              map_put_n(&p->durations, p->key.data, p->key.len, (void *)(uintptr_t)ns); /* NOLINT: a number */
    return ok ? 0 : ERROR_MEMORY;
}

int past_history(struct past *p, struct world *w, const char *path, const char *system, struct error *err)
{
    struct world_stat stat = {0};
    struct report_history *h = NULL;
    if (world_stat(w, path, &stat) == 0 && !stat.exists) {
        p->without_history = true;
        return 0;
    }
    int code = report_history_open(w, path, &h, err);
    if (code == 0)
        code = report_history_durations(h, "e2e", system, RUNS_LOOKED_AT, keep_duration, p, err);
    report_history_close(h);
    return code;
}

/* ---- the run that was cut short ---- */

/* Lines of the case that has not ended yet wait in `open`; those of others stay apart, should they be mixed. */
static int keep_line(struct past *p, json_t *line, struct map *open)
{
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *name = json_string_value(json_object_get(line, "name"));
    const char *suite = json_string_value(json_object_get(line, "suite"));
    bool is_case = type != NULL && strcmp(type, "case") == 0;
    const char *of = is_case ? name : json_string_value(json_object_get(line, "case"));
    bool of_case = type != NULL && (is_case || strcmp(type, "step") == 0 || strcmp(type, "spans") == 0);
    if (!of_case || of == NULL)
        return 0;
    json_t *list = map_remove(open, of);
    if (list == NULL)
        list = json_array();
    const char *pillar = json_string_value(json_object_get(line, "pillar"));
    bool other = is_case && (suite == NULL || pillar == NULL || strcmp(pillar, "e2e") != 0);
    if (other) {
        json_decref(list);
        return 0;
    }
    bool told = json_object_get(line, "resumed") != NULL; /* it was resumed before */
    bool ok = list != NULL && (told || json_object_set_new(line, "resumed", json_string(p->id)) == 0) &&
              json_array_append(list, line) == 0;
    if (ok && !is_case)
        ok = map_put(open, of, list);
    if (ok && is_case && (ok = make_key(p, suite, name))) {
        json_t *before = map_get_n(&p->lines, p->key.data, p->key.len);
        if ((ok = map_put_n(&p->lines, p->key.data, p->key.len, list)))
            json_decref(before); /* it was tried again: the last word counts */
    }
    if (!ok)
        json_decref(list);
    return ok ? 0 : ERROR_MEMORY;
}

static int keep_head(struct past *p, const json_t *line, const char *path, struct error *err)
{
    const char *id = json_string_value(json_object_get(line, "id"));
    const char *seed = json_string_value(json_object_get(line, "seed"));
    if (id == NULL || seed == NULL)
        return error_set(err, ERROR_INVALID, "%s does not begin with the line of a run: it cannot be resumed", path);
    p->id = strdup(id);
    p->seed = strtoull(seed, NULL, 10);
    return p->id != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_lines(struct past *p, struct bytes stream, const char *path, struct error *err)
{
    struct map open = MAP_INIT;
    const char *at = (const char *)stream.data, *end = at + stream.len;
    int code = 0, number = 1;
    for (; code == 0 && at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            break; /* cut short, as a killed run leaves it */
        json_error_t why = {0};
        json_t *line = result_read(BYTES(at, (size_t)(newline - at)), &why);
        if (line == NULL && json_error_code(&why) == json_error_out_of_memory)
            code = error_set(err, ERROR_MEMORY, "out of memory");
        else if (line == NULL)
            code = error_set_at(err, ERROR_SYNTAX, path, number, 1, "this is no line of a result stream");
        else if (number == 1)
            code = keep_head(p, line, path, err);
        else if ((code = keep_line(p, line, &open)) != 0)
            error_set(err, code, "out of memory");
        json_decref(line);
        at = newline + 1;
    }
    if (code == 0 && p->id == NULL)
        code = error_set(err, ERROR_INVALID, "%s is empty: there is nothing to resume", path);
    for (struct map_entry *e = map_first(&open); e != NULL; e = map_next(e))
        json_decref(map_value(e)); /* steps of flows that had not ended */
    map_deinit(&open);
    p->verdicts = map_count(&p->lines);
    return code;
}

int past_resume(struct past *p, struct world *w, const char *run, struct error *err)
{
    struct world_stat stat = {0};
    struct text path = TEXT_INIT, stream = TEXT_INIT;
    bool folder = world_stat(w, run, &stat) == 0 && stat.directory;
    text_printf(&path, "%s%s", run, folder ? "/results.jsonl" : "");
    int code = text_ok(&path) ? world_read_file(w, text_string(&path), STREAM_MAX, &stream, err)
                              : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = read_lines(p, text_bytes(&stream), text_string(&path), err);
    text_deinit(&path);
    text_deinit(&stream);
    return code;
}

struct past *past_new(void)
{
    struct past *p = calloc(1, sizeof *p);
    if (p != NULL)
        p->operations = (struct e2e_past){.arg = p, .duration = duration, .lines = lines};
    return p;
}

void past_free(struct past *p)
{
    if (p == NULL)
        return;
    for (struct map_entry *e = map_first(&p->lines); e != NULL; e = map_next(e))
        json_decref(map_value(e));
    map_deinit(&p->lines);
    map_deinit(&p->durations);
    text_deinit(&p->key);
    free(p->id);
    free(p);
}

const struct e2e_past *past_operations(const struct past *p)
{
    return &p->operations;
}

const char *past_id(const struct past *p)
{
    return p->id;
}

uint64_t past_seed(const struct past *p)
{
    return p->seed;
}

size_t past_verdicts(const struct past *p)
{
    return p->verdicts;
}

bool past_without_history(const struct past *p)
{
    return p->without_history;
}
