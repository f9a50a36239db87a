/* Runs flows: step after step, retried within their time, then what cleans up. */
#include "base/units.h"
#include "base/words.h"
#include "e2e/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST    ((uint64_t)(10 * MILLISECOND)) /* between attempts; doubles */
#define RETRY_MAX      ((uint64_t)(500 * MILLISECOND))
#define TITLE_WORDS    4    /* of a command, in a step's title */
#define STEP_SHOWN_MAX 1000 /* bytes of request and answer in the result stream */

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
    if (timeout > 0)
        return (uint64_t)timeout;
    return x->options->step_timeout != 0 ? x->options->step_timeout : STEP_TIMEOUT_DEFAULT;
}

static int step_wait(struct flow_context *x, const struct node *step)
{
    int64_t duration = 0;
    int code = node_may_duration(step, "wait", &duration, &x->error);
    if (code == 0 && duration > 0 && (code = world_sleep(x->target->world, (uint64_t)duration)) != 0)
        error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    return code;
}

static int step_set(struct flow_context *x, const struct node *step)
{
    const struct node *set = node_get(step, "set");
    int code = 0;
    for (size_t i = 0; i < set->map.count && code == 0; i++) {
        json_t *value = expand_node(x, &set->map.pairs[i].value);
        code = value != NULL ? variable_set(x, set->map.pairs[i].key, value) : x->error.code;
    }
    return code;
}

static const struct {
    const char *verb;
    int (*run)(struct flow_context *x, const struct node *step);
} verbs[] = {
    {"call", step_call},     {"http", step_http},   {"run", step_run},   {"double", step_double},
    {"verify", step_verify}, {"fault", step_fault}, {"wait", step_wait}, {"set", step_set},
};

static void check_expectations(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect"), *call = node_get(step, "call"), *run = node_get(step, "run");
    for (size_t i = 0; expect != NULL && i < expect->map.count && x->error.code == 0; i++) {
        const struct node_pair *p = &expect->map.pairs[i];
        bool exactly = strcmp(p->key, "exactly") == 0;
        const char *key = exactly ? "body" : p->key;
        match_node(x, &p->value, json_object_get(x->answer, key), key, exactly);
    }
    /* A command or a call that says nothing of its end is meant to succeed. */
    if (run != NULL && x->error.code == 0 && (expect == NULL || node_get(expect, "exit") == NULL) &&
        json_integer_value(json_object_get(x->answer, "exit")) != 0)
        node_error(run, &x->error, ERROR_INVALID, "expected exit code 0, got %lld: %s",
                   (long long)json_integer_value(json_object_get(x->answer, "exit")),
                   json_string_value(json_object_get(x->answer, "stderr")));
    if (call != NULL && x->error.code == 0 && (expect == NULL || node_get(expect, "status") == NULL)) {
        const char *status = json_string_value(json_object_get(x->answer, "status"));
        const char *message = json_string_value(json_object_get(x->answer, "message"));
        if (status != NULL && strcmp(status, "OK") != 0)
            node_error(call, &x->error, ERROR_INVALID, "expected OK, got %s%s%s", status,
                       message != NULL && message[0] != '\0' ? ": " : "", message != NULL ? message : "");
    }
}

static int capture(struct flow_context *x, const struct node *step)
{
    const struct node *names = node_get(step, "capture");
    for (size_t i = 0; names != NULL && i < names->map.count; i++) {
        const struct node_pair *p = &names->map.pairs[i];
        int code;
        const json_t *value = json_path(x->answer, (const char *)p->value.text.data, &code);
        if (value == NULL)
            return node_error(&p->value, &x->error, ERROR_NOT_FOUND, "nothing to capture at %s",
                              (const char *)p->value.text.data);
        if ((code = variable_set(x, p->key, json_deep_copy(value))) != 0)
            return code;
    }
    return 0;
}

static bool attempt(struct flow_context *x, const struct node *step)
{
    error_clear(&x->error);
    mismatches_clear(x);
    text_clear(&x->sent);
    json_decref(x->answer);
    x->answer = NULL;
    x->wrong = false;
    int code = 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (node_get(step, verbs[i].verb) != NULL)
            code = verbs[i].run(x, step);
    if (code == 0)
        check_expectations(x, step);
    if (code == 0 && x->error.code == 0 && x->mismatches.count == 0)
        code = capture(x, step);
    return code == 0 && x->error.code == 0 && x->mismatches.count == 0;
}

/* What cannot become true by waiting is not waited for. */
static bool hopeless(const struct flow_context *x)
{
    return x->wrong || x->target->interrupted || x->error.code == ERROR_CANCELLED || x->error.code == ERROR_MEMORY;
}

/* "3 the name", "finally 1 call store.Store/Delete". */
static void step_title(const struct node *step, const char *list, size_t number, struct text *out)
{
    const struct node *name = node_get(step, "name");
    text_printf(out, "%s%zu ", list, number);
    if (name != NULL) {
        text_puts(out, (const char *)name->text.data);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        const struct node *what = node_get(step, verbs[i].verb);
        if (what == NULL)
            continue;
        text_puts(out, verbs[i].verb);
        if (what->kind == NODE_TEXT)
            text_printf(out, " %s", (const char *)what->text.data);
        for (size_t word = 0; what->kind == NODE_LIST && word < what->list.count && word < TITLE_WORDS; word++)
            if (what->list.items[word].kind == NODE_TEXT)
                words_add(out, (const char *)what->list.items[word].text.data);
    }
}

static void emit_step(struct flow_context *x, const char *title, bool passed)
{
    struct text sent = TEXT_INIT, received = TEXT_INIT;
    show_text(x, text_string(&x->sent), STEP_SHOWN_MAX, &sent);
    if (x->answer != NULL)
        show_answer(x, STEP_SHOWN_MAX, &received);
    result_emit(x->target->results, "step",
                json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:s}", "case", x->flow->name, "name", title, "status",
                          passed ? "passed" : "failed", "duration", (json_int_t)x->elapsed, "attempts", x->attempts,
                          "sent", text_string(&sent), "received", text_string(&received)));
    text_deinit(&sent);
    text_deinit(&received);
}

static bool run_step(struct flow_context *x, const struct node *step, const char *title)
{
    struct world *w = x->target->world;
    int64_t within = 0;
    uint64_t start = world_now(w), pause = RETRY_FIRST;
    x->attempts = 1;
    node_may_duration(step, "within", &within, NULL);
    bool passed = attempt(x, step);
    while (!passed && within > 0 && !hopeless(x) && world_now(w) + pause <= start + (uint64_t)within) {
        if (world_sleep(w, pause) != 0)
            break;
        pause = pause * 2 < RETRY_MAX ? pause * 2 : RETRY_MAX;
        x->attempts++;
        passed = attempt(x, step);
    }
    x->elapsed = world_now(w) - start;
    emit_step(x, title, passed);
    return passed;
}

/* ---- a flow ---- */

static int set_text(struct flow_context *x, const char *name, const char *value)
{
    return value != NULL ? variable_set(x, name, json_string(value)) : 0;
}

/* A folder of its own for a flow that runs commands: ${scratch}. */
static int make_scratch(struct flow_context *x)
{
    struct text path = TEXT_INIT;
    if (!x->flow->commands || x->options->scratch == NULL)
        return 0;
    text_printf(&path, "%s/%d", x->options->scratch, x->flow->line);
    for (const char *p = x->flow->name; *p != '\0'; p++)
        text_char(&path, isalnum((unsigned char)*p) ? *p : '-');
    int code = text_ok(&path) ? world_make_directory(x->target->world, text_string(&path)) : ERROR_MEMORY;
    if (code != 0)
        error_set(&x->error, code, "the flow's folder %s cannot be made: %s", text_string(&path),
                  error_code_name(code));
    x->scratch = text_take(&path);
    return code != 0 ? code : set_text(x, "scratch", x->scratch);
}

static void drop_scratch(struct flow_context *x)
{
    if (x->scratch != NULL)
        (void)world_remove_tree(x->target->world, x->scratch);
    free(x->scratch);
}

static int start_variables(struct flow_context *x)
{
    int code = set_text(x, "token", x->target->token);
    if (code == 0)
        code = make_scratch(x);
    if (code == 0)
        code = set_text(x, "namespace", x->target->namespace);
    if (code == 0)
        code = set_text(x, "gateway", x->target->gateway);
    for (const char *const *v = x->options->variables; code == 0 && v != NULL && *v != NULL; v++) {
        size_t len = strcspn(*v, "=");
        struct text name = TEXT_INIT;
        text_add(&name, *v, len);
        code = set_text(x, text_string(&name), (*v)[len] == '=' ? *v + len + 1 : "");
        text_deinit(&name);
    }
    const struct node *own = x->flow->variables;
    for (size_t i = 0; code == 0 && own != NULL && i < own->map.count; i++) {
        json_t *value = expand_node(x, &own->map.pairs[i].value);
        code = value != NULL ? variable_set(x, own->map.pairs[i].key, value) : x->error.code;
    }
    return code;
}

struct flow_failure {
    struct text message, detail;
    int line, column;
};

static void note_failure(struct flow_context *x, const struct node *n, const char *title, struct flow_failure *failure)
{
    struct text what = TEXT_INIT;
    if (failure->message.len > 0)
        return; /* the first one is what went wrong; what cleans up may well fail because of it */
    failure_text(x, n, &what, &failure->detail, &failure->line, &failure->column);
    text_printf(&failure->message, "%s%s%s%s", title[0] != '\0' ? "step " : "", title, title[0] != '\0' ? ": " : "",
                text_string(&what));
    text_deinit(&what);
}

static bool run_steps(struct flow_context *x, const struct node *steps, const char *list, bool all,
                      struct flow_failure *failure)
{
    bool passed = true;
    for (size_t i = 0; steps != NULL && i < steps->list.count && (passed || all); i++) {
        const struct node *step = &steps->list.items[i];
        struct text title = TEXT_INIT;
        step_title(step, list, i + 1, &title);
        if (!run_step(x, step, text_string(&title))) {
            note_failure(x, step, text_string(&title), failure);
            passed = false;
        }
        text_deinit(&title);
    }
    return passed;
}

static void emit_skipped(struct target *t, const struct flow *f, const struct e2e_options *o)
{
    result_case(t->results, &(struct result_case){.pillar = o->pillar,
                                                  .suite = f->path,
                                                  .name = f->name,
                                                  .status = "skipped",
                                                  .message = "it runs commands, which a simulation does not have",
                                                  .file = f->path,
                                                  .line = f->line,
                                                  .column = f->column});
}

static void emit_case(struct target *t, const struct flow *f, const struct e2e_options *o, bool passed,
                      uint64_t duration, const struct flow_failure *failure)
{
    struct text replay = TEXT_INIT;
    if (o->replay != NULL) {
        text_puts(&replay, o->replay);
        words_add(&replay, "--only");
        words_add(&replay, f->name);
    }
    result_case(t->results, &(struct result_case){.pillar = o->pillar,
                                                  .suite = f->path,
                                                  .name = f->name,
                                                  .status = passed ? "passed" : "failed",
                                                  .duration = (int64_t)duration,
                                                  .message = passed ? NULL : text_string(&failure->message),
                                                  .detail = passed ? NULL : text_string(&failure->detail),
                                                  .file = f->path,
                                                  .line = failure->line,
                                                  .column = failure->column,
                                                  .replay = replay.len > 0 ? text_string(&replay) : NULL});
    text_deinit(&replay);
}

static bool run_flow(struct target *t, const struct flow *f, const struct e2e_options *o, struct http_session **http)
{
    struct flow_context x = {.target = t, .flow = f, .options = o, .http = *http, .variables = json_object()};
    struct flow_failure failure = {.line = f->line, .column = f->column};
    uint64_t start = world_now(t->world);
    bool passed = (x.variables != NULL ? start_variables(&x) : flow_memory(&x)) == 0;
    if (!passed)
        note_failure(&x, document_root(f->file->document), "", &failure);
    passed = passed && run_steps(&x, f->steps, "", false, &failure);
    /* What a flow cleans up it cleans up whatever happened, every step of it. */
    if (!t->interrupted && x.variables != NULL)
        passed = run_steps(&x, f->finally, "finally ", true, &failure) && passed;
    if (!t->interrupted)
        emit_case(t, f, o, passed, world_now(t->world) - start, &failure);
    *http = x.http;
    drop_scratch(&x);
    text_deinit(&failure.message);
    text_deinit(&failure.detail);
    text_deinit(&x.sent);
    mismatches_clear(&x);
    array_deinit(&x.mismatches);
    error_clear(&x.error);
    json_decref(x.variables);
    json_decref(x.answer);
    return passed;
}

int e2e_run(struct target *t, const struct flow_list *flows, const struct e2e_options *options,
            struct e2e_summary *summary, struct error *err)
{
    struct http_session *http = NULL;
    *summary = (struct e2e_summary){0};
    for (size_t i = 0; i < flows->count && !t->interrupted; i++) {
        const struct flow *f = flows->items[i];
        if (options->filter != NULL && strstr(f->name, options->filter) == NULL)
            continue;
        if (f->commands && options->simulated) {
            emit_skipped(t, f, options);
            summary->skipped++;
            continue;
        }
        bool passed = run_flow(t, f, options, &http);
        if (passed && !t->interrupted)
            summary->passed++;
        else if (!t->interrupted)
            summary->failed++;
    }
    http_session_free(http);
    if (t->interrupted)
        return error_set(err, ERROR_CANCELLED, "interrupted");
    if (summary->passed + summary->failed + summary->skipped == 0 && options->filter != NULL)
        return error_set(err, ERROR_NOT_FOUND, "no flow's name contains \"%s\"", options->filter);
    return 0;
}
