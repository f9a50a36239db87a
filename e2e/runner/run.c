/* Runs steps: one after the other, each retried within its time. */
#include "base/base64.h"
#include "base/json_copy.h"
#include "base/units.h"
#include "base/words.h"
#include "e2e/kind.h"
#include "e2e/match/snapshot.h"
#include "e2e/value/query.h"
#include "world/sim.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LATENESS   ((uint64_t)(20 * MILLISECOND)) /* a process may take to write down why it refused */
#define RETRY_FIRST    ((uint64_t)(10 * MILLISECOND)) /* between attempts; doubles */
#define RETRY_MAX      ((uint64_t)(500 * MILLISECOND))
#define TRY_LEAST      ((uint64_t)SECOND) /* what the last of them has, so that it can say what is wrong */
#define RETRY_INTERVAL (1 * SECOND)       /* of `retry` */
#define TITLE_WORDS    4                  /* of a command, in a step's title */
#define STEP_SHOWN_MAX 1000               /* bytes of request and answer in the result stream */
#define EXCHANGES_MAX  1000               /* of a case's steps in the result stream */

int flow_wrong(struct flow_context *x, const struct node *n, int code, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    x->wrong = true;
    node_error(n, &x->error, code, "%s", text_string(&message));
    text_deinit(&message);
    return code;
}

int flow_memory(struct flow_context *x)
{
    return error_set(&x->error, ERROR_MEMORY, "out of memory");
}

uint64_t step_timeout(struct flow_context *x, const struct node *step)
{
    int64_t timeout = 0;
    node_may_duration(step, "timeout", &timeout, NULL);
    if (timeout <= 0)
        timeout = x->options->step_timeout != 0 ? (int64_t)x->options->step_timeout : (int64_t)STEP_TIMEOUT_DEFAULT;
    uint64_t now = world_now(x->target->world), tries = x->tries_end > now ? x->tries_end - now : 0;
    tries = tries > TRY_LEAST ? tries : TRY_LEAST;
    return deadline_cap(x, x->tries_end != 0 && tries < (uint64_t)timeout ? tries : (uint64_t)timeout);
}

static void judge_answer(struct flow_context *x, const struct step_kind *kind, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    for (size_t i = 0; expect != NULL && i < expect->map.count && x->error.code == 0; i++) {
        const struct node_pair *p = &expect->map.pairs[i];
        bool exactly = strcmp(p->key, "exactly") == 0 && kind->answer != NULL;
        const char *key = exactly ? "body" : p->key;
        match_node(x, &p->value, json_object_get(x->answer, key), key, exactly);
    }
    if (kind->judge != NULL && x->error.code == 0)
        kind->judge(x, step);
    const struct node *snapshot = x->error.code == 0 && x->mismatches.count == 0 ? node_get(step, "snapshot") : NULL;
    if (snapshot != NULL)
        snapshot_judge(x, snapshot);
}

/* What the regular expression's first group matches; the whole match when it has none. */
static int narrow(struct flow_context *x, const struct node *n, const json_t *value, json_t **out)
{
    regex_t regex;
    regmatch_t match[2];
    struct text text = TEXT_INIT;
    char *pattern = expand_text(x, n);
    if (pattern == NULL)
        return x->error.code;
    int code = regcomp(&regex, pattern, REG_EXTENDED);
    free(pattern);
    if (code != 0)
        return flow_wrong(x, n, ERROR_SYNTAX, "with its variables this is not a regular expression");
    value_text(value, &text);
    if (regexec(&regex, text_string(&text), 2, match, 0) == 0) {
        const regmatch_t *m = regex.re_nsub > 0 && match[1].rm_so >= 0 ? &match[1] : &match[0];
        *out = value_of_bytes(BYTES(text_string(&text) + m->rm_so, (size_t)(m->rm_eo - m->rm_so)));
        code = *out != NULL ? 0 : flow_memory(x);
    } else {
        code = node_error(n, &x->error, ERROR_NOT_FOUND, "nothing to capture: no match in \"%.*s\"", 100,
                          text_string(&text));
    }
    regfree(&regex);
    text_deinit(&text);
    return code;
}

/* A text in base64, as bytes in messages are, as what it stands for. */
static int decode(struct flow_context *x, const struct node *n, const json_t *value, json_t **out)
{
    struct text text = TEXT_INIT;
    const char *encoded = json_string_value(value);
    int code = 0;
    bool decoded = encoded != NULL && base64_decode(&text, bytes_of(encoded));
    if (!decoded && text_ok(&text))
        code = node_error(n, &x->error, ERROR_NOT_FOUND, "nothing to capture: what is there is no text in base64");
    else if (!decoded || (*out = value_of_bytes(text_bytes(&text))) == NULL)
        code = flow_memory(x);
    text_deinit(&text);
    return code;
}

/* The name may have variables in it. Takes the value. */
static int keep_as(struct flow_context *x, const struct node *n, const char *name, json_t *value)
{
    if (strstr(name, "${") == NULL)
        return variable_set(x, name, value);
    json_t *made = expand_bytes(x, n, bytes_of(name));
    const char *text = json_string_value(made);
    int code = text != NULL && variable_name_valid(text) ? variable_set(x, text, json_incref(value))
               : x->error.code != 0                      ? x->error.code
                                    : flow_wrong(x, n, ERROR_INVALID, "\"%s\" makes no name for a variable", name);
    json_decref(made);
    json_decref(value);
    return code;
}

static int capture(struct flow_context *x, const struct node *step)
{
    const struct node *names = node_get(step, "capture");
    for (size_t i = 0; names != NULL && i < names->map.count; i++) {
        const struct node_pair *p = &names->map.pairs[i];
        const struct node *path = p->value.kind == NODE_MAP ? node_get(&p->value, "path") : &p->value;
        const struct node *regex = node_get(&p->value, "regex"), *encoded = node_get(&p->value, "decode");
        json_t *kept = NULL, *plain = NULL;
        int code;
        if (capture_is_query(path)) {
            kept = query_capture(x, path);
            if (kept == NULL || (code = keep_as(x, &p->value, p->key, kept)) != 0)
                return x->error.code;
            continue;
        }
        const json_t *value = json_path(x->answer, (const char *)path->text.data, &code);
        if (value == NULL)
            return node_error(path, &x->error, ERROR_NOT_FOUND, "nothing to capture at %s",
                              (const char *)path->text.data);
        if (encoded != NULL && (code = decode(x, encoded, value, &plain)) != 0)
            return code;
        if (regex == NULL)
            kept = plain != NULL ? json_incref(plain) : json_copy_whole(value);
        else
            code = narrow(x, regex, plain != NULL ? plain : value, &kept);
        json_decref(plain);
        if (code != 0)
            return code;
        if ((code = variable_set(x, p->key, kept)) != 0)
            return code;
    }
    return 0;
}

static bool attempt(struct flow_context *x, const struct step_kind *kind, const struct node *step)
{
    error_clear(&x->error);
    mismatches_clear(x);
    text_clear(&x->sent);
    text_clear(&x->repeat);
    x->component = NULL;
    json_decref(x->answer);
    x->answer = NULL;
    flow_reply_clear(&x->reply);
    x->wrong = false;
    int code = deadline_over(x) ? deadline_error(x) : kind->run(x, step);
    if (code == 0)
        judge_answer(x, kind, step);
    if (code == 0 && x->error.code == 0 && x->mismatches.count == 0)
        code = capture(x, step);
    /* Last, so that it can use what was captured. */
    if (code == 0 && x->error.code == 0 && x->mismatches.count == 0 && node_get(step, "check") != NULL)
        code = query_judge(x, node_get(step, "check"));
    return code == 0 && x->error.code == 0 && x->mismatches.count == 0;
}

/* What cannot become true by waiting is not waited for. */
static bool hopeless(const struct flow_context *x)
{
    return x->wrong || flow_stopped(x) || x->error.code == ERROR_CANCELLED || x->error.code == ERROR_MEMORY;
}

/* "3 the name", "finally 1 call store.Store/Delete". */
static void step_title(const struct step_kind *kind, const struct node *step, const char *number, struct text *out)
{
    const struct node *name = node_get(step, "name"), *what = node_get(step, kind->name);
    text_puts(out, number);
    text_char(out, ' ');
    if (name != NULL) {
        text_puts(out, (const char *)name->text.data);
        return;
    }
    text_puts(out, kind->name);
    if (what->kind == NODE_TEXT) { /* of a longer text its first line */
        text_char(out, ' ');
        text_add(out, what->text.data, strcspn((const char *)what->text.data, "\n"));
    }
    for (size_t word = 0; what->kind == NODE_LIST && word < what->list.count && word < TITLE_WORDS; word++)
        if (what->list.items[word].kind == NODE_TEXT)
            words_add(out, (const char *)what->list.items[word].text.data);
}

static void add_text(struct text *out, const char *before, const char *value, size_t len)
{
    text_puts(out, before);
    text_json(out, value, len);
}

/* A loop may go round a million times: what was sent and received is told of a case's first steps, and behind them of
 * what did not pass and of what was not there before. Reports choose alike. */
static bool tells_exchange(struct flow_case *c, const char *title, bool passed)
{
    const char *name = strchr(title, ' ');
    bool known = name != NULL && map_get(&c->exchanged, name) != NULL;
    if (passed && known && c->exchanges >= EXCHANGES_MAX)
        return false;
    c->exchanges++;
    if (name != NULL && !known)
        (void)map_put(&c->exchanged, name, c); /* without memory it is told once more */
    return true;
}

static void emit_step(struct flow_context *x, const char *title, bool passed)
{
    struct text sent = TEXT_INIT, received = TEXT_INIT, members = TEXT_INIT;
    const char *status = passed ? "passed" : "failed";
    bool whole = tells_exchange(x->run, title, passed);
    if (whole)
        show_text(x, text_string(&x->sent), STEP_SHOWN_MAX, &sent);
    if (whole && x->answer != NULL)
        show_answer(x, STEP_SHOWN_MAX, &received);
    if (x->held != NULL || json_array_size(x->run->secrets) > 0) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:I, s:i, s:s*, s:s*}", "case", x->run->name, "name", title, "status",
                                 status, "duration", (json_int_t)x->elapsed, "attempts", x->attempts, "sent",
                                 whole ? text_string(&sent) : NULL, "received", whole ? text_string(&received) : NULL);
        if (x->run->tries > 1 && json_object_set_new(line, "try", json_integer(x->run->tries)) != 0)
            x->target->results->broken = true;
        flow_emit(x, "step", line);
    } else { /* the same without a tree */
        add_text(&members, "\"case\":\"", x->run->name, strlen(x->run->name));
        add_text(&members, "\",\"name\":\"", title, strlen(title));
        text_puts(&members, "\",\"status\":\"");
        text_puts(&members, status);
        text_puts(&members, "\",\"duration\":");
        text_decimal(&members, x->elapsed);
        text_puts(&members, ",\"attempts\":");
        text_decimal(&members, (uint64_t)x->attempts);
        if (x->run->tries > 1)
            text_printf(&members, ",\"try\":%d", x->run->tries);
        if (whole) {
            add_text(&members, ",\"sent\":\"", text_string(&sent), sent.len);
            add_text(&members, "\",\"received\":\"", text_string(&received), received.len);
            text_char(&members, '"');
        }
        result_step(x->target->results, &members);
    }
    text_deinit(&sent);
    text_deinit(&received);
    text_deinit(&members);
}

/* `retry: N` and `retry_interval`: so many times more, -1 without end, always the same time apart. */
static bool retry_by_count(struct flow_context *x, const struct step_kind *kind, const struct node *step, int *attempts)
{
    const struct node *n = node_get(step, "retry"), *apart = node_get(step, "retry_interval");
    json_t *count = expand_node(x, n), *text = apart != NULL ? expand_node(x, apart) : NULL;
    int64_t pause = RETRY_INTERVAL, left = json_integer_value(count);
    bool ok = json_is_integer(count) &&
              (apart == NULL || (json_is_string(text) &&
                                 units_parse_duration(json_string_value(text), &pause, NULL) == 0 && pause >= 0));
    if (!ok && x->error.code == 0)
        flow_wrong(x, n, ERROR_INVALID, "\"retry\" is a number, and \"retry_interval\" a time");
    json_decref(count);
    json_decref(text);
    bool passed = ok && attempt(x, kind, step);
    for (; ok && !passed && left != 0 && !hopeless(x) && flow_sleep(x, (uint64_t)pause) == 0; left -= left > 0) {
        ++*attempts;
        passed = attempt(x, kind, step);
    }
    return passed;
}

/* Until the next try of a step with `within`; the last one is when its time is over. False: there is none. */
static bool wait_to_try(struct flow_context *x, uint64_t end, uint64_t *pause)
{
    uint64_t now = world_now(x->target->world), left = end > now ? end - now : 0;
    bool flow_ends = x->run->deadline != 0 && end >= x->run->deadline; /* and no step begins then */
    if (left == 0 || (flow_ends && *pause >= left) || flow_sleep(x, *pause < left ? *pause : left) != 0)
        return false;
    *pause = *pause * 2 < RETRY_MAX ? *pause * 2 : RETRY_MAX;
    return true;
}

static bool try_step(struct flow_context *x, const struct step_kind *kind, const struct node *step)
{
    struct world *w = x->target->world;
    const struct target_operations *o = x->target->operations;
    int64_t within = 0;
    int attempts = 1;
    x->logged = o != NULL && o->logged != NULL ? o->logged(flow_system(x)) : 0;
    uint64_t start = world_now(w), pause = RETRY_FIRST;
    if (!kind->waits)
        node_may_duration(step, "within", &within, NULL);
    if (within > 0)
        within = (int64_t)deadline_cap(x, (uint64_t)within);
    x->tries_end = within > 0 ? start + (uint64_t)within : 0;
    bool by_count = node_get(step, "retry") != NULL;
    bool passed = by_count ? retry_by_count(x, kind, step, &attempts) : attempt(x, kind, step);
    while (!passed && within > 0 && !hopeless(x) && wait_to_try(x, start + (uint64_t)within, &pause)) {
        attempts++;
        passed = attempt(x, kind, step);
    }
    x->attempts = attempts;
    x->elapsed = world_now(w) - start;
    return passed;
}

void note_failure(struct flow_context *x, const struct node *n, const char *title)
{
    struct flow_failure own = {0}, *f = x->failure;
    if (f->told)
        return; /* the first one is what went wrong; what cleans up may well fail because of it */
    const struct target_operations *o = x->target->operations;
    if (o != NULL && o->logged != NULL && !world_is_simulated(x->target->world))
        (void)flow_sleep(x, LOG_LATENESS);
    failure_text(x, n, &own);
    f->told = true;
    text_printf(&f->message, "%s%s%s%s", title[0] != '\0' ? "step " : "", title, title[0] != '\0' ? ": " : "",
                text_string(&own.message));
    if (!text_ok(&own.message) || !text_ok(&f->message)) { /* a failure that says nothing helps nobody */
        text_clear(&f->message);
        text_puts(&f->message, "out of memory");
    }
    text_deinit(&own.message);
    f->detail = own.detail;
    f->file = own.file;
    f->line = own.line;
    f->column = own.column;
}

static bool run_step(struct flow_context *x, const struct node *step, const char *number)
{
    const struct step_kind *kind = step_kind_of(step);
    const char *outer = x->number;
    struct text title = TEXT_INIT;
    x->number = number;
    step_title(kind, step, number, &title);
    bool passed = try_step(x, kind, step);
    emit_step(x, text_string(&title), passed);
    if (!passed)
        note_failure(x, step, text_string(&title));
    x->number = outer;
    text_deinit(&title);
    return passed;
}

bool run_steps(struct flow_context *x, const struct node *steps, const char *list, bool all)
{
    bool passed = true;
    for (size_t i = 0; steps != NULL && i < steps->list.count && (passed || all); i++) {
        struct text number = TEXT_INIT;
        text_puts(&number, list);
        text_decimal(&number, i + 1);
        if (all)
            deadline_hasten(x);
        passed = run_step(x, &steps->list.items[i], text_string(&number)) && passed;
        text_deinit(&number);
    }
    return passed;
}

int run_inside(struct flow_context *x, const struct node *steps, const char *part, const struct flow_frame *frame)
{
    const struct flow_frame *outer = x->frame;
    struct text list = TEXT_INIT;
    text_puts(&list, x->number);
    text_puts(&list, part);
    x->frame = frame;
    bool all = strstr(part, "finally") != NULL;
    bool passed = run_steps(x, steps, text_string(&list), all);
    x->frame = outer;
    text_deinit(&list);
    if (!passed)
        return STEP_INSIDE;
    json_decref(x->answer); /* of the last of them */
    x->answer = NULL;
    text_clear(&x->sent);
    return 0;
}
