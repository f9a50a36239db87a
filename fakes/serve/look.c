#include "fakes/serve/look.h"

#include "fakes/serve/exchange.h"
#include "fakes/stub/match.h"
#include "fakes/verify.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN_CALLS 10  /* of a method whose count is not what was expected */
#define SHOWN_BYTES 300 /* of a request in a message */

bool look_takes(const struct look_filter *filter, const struct call_log_entry *e)
{
    return (filter->method == NULL || filter->method == e->method) && e->sequence >= filter->from &&
           (filter->session == NULL || filter->session[0] == '\0' || strcmp(filter->session, e->session) == 0) &&
           (!filter->missed || e->missed);
}

void look_each(struct fake_server *s, const struct look_filter *filter,
               bool (*each)(void *arg, const struct call_log_entry *e, bool open), void *arg)
{
    for (const struct call_log_block *b = call_log_first(s->journal); b != NULL; b = call_log_next(b))
        if (look_takes(filter, call_log_entry(b)) && !each(arg, call_log_entry(b), false))
            return;
    for (const struct fake_stream *x = s->open; x != NULL; x = x->older) {
        struct call_log_entry e;
        if (!x->taken || x->method->service->only != NULL)
            continue;
        exchange_view(x, &e);
        if (look_takes(filter, &e) && !each(arg, &e, true))
            return;
    }
}

uint64_t look_count(const struct fake_server *s, const struct pb_method *method)
{
    const struct served_method *m = server_method(s, method->path + 1);
    return m != NULL && m->method == method ? m->calls : 0;
}

/* ---- judging ---------------------------------------------------------------------------------------------------- */

struct judging {
    struct matcher *matcher; /* NULL: every call */
    int64_t count;
    struct text *shown; /* NULL: only counting */
    size_t shown_count;
};

static void show_request(const struct call_log_entry *e, struct text *out)
{
    struct text json = TEXT_INIT;
    for (size_t i = 0; i < e->request_count && json.len < SHOWN_BYTES; i++) {
        if (i > 0)
            text_char(&json, ' ');
        if (pb_wire_to_json(e->method->input, call_log_request(e, i), PB_JSON_PROTO_NAMES, &json, NULL) != 0)
            text_puts(&json, "?");
    }
    text_printable(out, text_string(&json), json.len, SHOWN_BYTES);
    text_deinit(&json);
}

static bool matches(struct judging *j, const struct call_log_entry *e)
{
    if (j->matcher == NULL)
        return true;
    for (size_t i = 0; i < e->request_count; i++)
        if (matcher_holds(j->matcher, call_log_request(e, i)))
            return true;
    return false;
}

static bool judge(void *arg, const struct call_log_entry *e, bool open)
{
    struct judging *j = arg;
    (void)open;
    bool match = matches(j, e);
    j->count += match;
    if (j->shown == NULL || j->shown_count++ >= SHOWN_CALLS)
        return true;
    text_printf(j->shown, "\n  #%" PRId64 " %s", e->sequence, match ? "matches: " : "");
    show_request(e, j->shown);
    if (!match && e->request_count > 0) {
        text_puts(j->shown, "\n    ");
        matcher_differences(j->matcher, call_log_request(e, 0), j->shown);
    }
    return true;
}

static void expectation_text(const struct look_expectation *x, struct text *out)
{
    fake_times_text(x->least, x->most, out);
    text_printf(out, " of %s/%s", x->method->service->full_name, x->method->name);
    if (x->when.len > 0) {
        text_puts(out, " with ");
        text_printable(out, x->when.data, x->when.len, SHOWN_BYTES);
    }
}

int look_verify(struct fake_server *s, const struct look_expectation *x, bool *met, int64_t *count,
                struct text *message, struct error *err)
{
    struct look_filter filter = {.method = x->method, .session = x->session};
    struct judging j = {0};
    struct document *d = NULL;
    bool all = x->when.len == 0 && (x->session == NULL || x->session[0] == '\0');
    int code = 0;
    if (x->when.len > 0)
        code = document_parse_yaml(x->when, "when", &d, err);
    if (code == 0 && d != NULL)
        code = matcher_new(x->method->input, document_root(d), &j.matcher, err);
    if (code != 0)
        goto out;
    if (all)
        j.count = (int64_t)look_count(s, x->method);
    else
        look_each(s, &filter, judge, &j);
    *count = j.count;
    *met = j.count >= x->least && j.count <= x->most;
    /* What the journal has dropped might match: then only what it cannot change is decided. */
    bool decided =
        all || call_log_dropped(s->journal) == 0 || j.count > x->most || (j.count >= x->least && x->most == LOOK_ANY);
    if (!decided) {
        code =
            error_set(err, ERROR_LIMIT,
                      "the journal has dropped %" PRIu64 " calls, which may match: give it more room (--journal-max), "
                      "or reset it before what is verified",
                      call_log_dropped(s->journal));
        goto out;
    }
    if (!*met) {
        text_puts(message, "expected ");
        expectation_text(x, message);
        text_printf(message, ", there %s %" PRId64, j.count == 1 ? "was" : "were", j.count);
        j.shown = message;
        look_each(s, &filter, judge, &j);
        if (j.shown_count > SHOWN_CALLS)
            text_printf(message, "\n  and %zu more", j.shown_count - SHOWN_CALLS);
        if (j.shown_count == 0)
            text_printf(message, "\n  %s was not called at all", x->method->name);
    }
out:
    matcher_free(j.matcher);
    document_free(d);
    return code;
}

/* ---- misses ----------------------------------------------------------------------------------------------------- */

int look_nearest(struct fake_server *s, const struct call_log_entry *e, struct stub_nearest *out)
{
    struct fake_asked asked = {.service = e->method->service,
                               .method = e->method,
                               .request = e->request,
                               .ends = e->request_ends,
                               .messages = e->request_count,
                               .complete = true,
                               .metadata = e->metadata,
                               .caller = e->caller,
                               .session = e->session,
                               .now = (uint64_t)e->time,
                               .sequence = e->sequence,
                               .index = e->index};
    *out = (struct stub_nearest){.count = 0};
    return s->stubs != NULL ? stub_set_nearest(s->stubs, &asked, 0, out) : 0;
}

static bool count_one(void *arg, const struct call_log_entry *e, bool open)
{
    size_t *n = arg;
    (void)e;
    (void)open;
    (*n)++;
    return true;
}

size_t look_missed(struct fake_server *s, const char *session)
{
    size_t n = 0;
    look_each(s, &(struct look_filter){.session = session, .missed = true}, count_one, &n);
    return n;
}

void look_counts_text(struct fake_server *s, struct text *out)
{
    for (size_t i = 0; i < s->services.count; i++) {
        const struct served_service *service = s->services.items[i];
        for (size_t k = 0; service->only == NULL && k < service->service->method_count; k++)
            if (service->methods[k].calls > 0)
                text_printf(out, "  %8" PRIu64 "  %s/%s\n", service->methods[k].calls, service->service->full_name,
                            service->methods[k].method->name);
    }
}

struct misses {
    struct fake_server *server;
    size_t skip, max;
    struct text *out;
};

static bool tell_miss(void *arg, const struct call_log_entry *e, bool open)
{
    struct misses *m = arg;
    struct stub_nearest near;
    (void)open;
    if (m->skip > 0) {
        m->skip--;
        return true;
    }
    text_printf(m->out, "  #%" PRId64 " %s/%s ", e->sequence, e->method->service->full_name, e->method->name);
    show_request(e, m->out);
    text_char(m->out, '\n');
    if (look_nearest(m->server, e, &near) == 0) {
        struct text lines = TEXT_INIT;
        stub_nearest_text(&near, e->method, &lines);
        for (const char *line = text_string(&lines); *line != '\0';) {
            size_t len = strcspn(line, "\n");
            text_printf(m->out, "    %.*s\n", (int)len, line);
            line += len + (line[len] == '\n');
        }
        text_deinit(&lines);
    }
    stub_nearest_deinit(&near);
    return true;
}

void look_misses_text(struct fake_server *s, size_t max, struct text *out)
{
    size_t missed = look_missed(s, "");
    struct misses m = {.server = s, .skip = missed > max ? missed - max : 0, .max = max, .out = out};
    if (m.skip > 0)
        text_printf(out, "  (the newest %zu of them)\n", max);
    look_each(s, &(struct look_filter){.missed = true}, tell_miss, &m);
}
