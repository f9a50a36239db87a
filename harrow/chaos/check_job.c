#include "harrow/chaos/check_job.h"

#include "base/json_text.h"
#include "base/units.h"
#include "chaos/history/picture.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define TERMINAL_WIDTH 120
#define WITNESS_SHOWN  32 /* operations of it that are listed */

/* ---- the model ---- */

struct used {
    uint32_t functions;
    bool lists, tokens, offsets; /* reads of lists; locks with tokens; polls with offsets */
};

static struct used look_at(const struct history *h)
{
    struct used used = {0};
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        used.functions |= 1U << o->function;
        used.lists = used.lists || (o->function == OPERATION_READ && o->list != 0);
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        used.offsets = used.offsets || (o->function == OPERATION_POLL && count > 0 && items[0] != VALUE_NIL);
        used.tokens = used.tokens || (o->function == OPERATION_ACQUIRE && o->other != VALUE_NIL);
    }
    return used;
}

/* By the most telling function there is; where that names a model that is not there or does not know all functions, the
 * first that does. */
const struct check_model *check_job_guess(const struct history *h)
{
#define HAS(f) ((used.functions >> OPERATION_##f & 1) != 0)
    struct used used = look_at(h);
    const char *name = HAS(TXN)       ? "multi-register"
                       : HAS(WATCH)   ? "watch"
                       : HAS(POLL)    ? HAS(ACKNOWLEDGE) ? "broker"
                                        : used.offsets   ? "log"
                                                         : "pubsub"
                       : HAS(ACQUIRE) ? used.tokens ? "lock" : "mutex"
                       : HAS(ENQUEUE) ? "queue"
                       : HAS(ISSUE)   ? "token"
                       : HAS(ADD)     ? used.lists ? "set" : "counter"
                       : HAS(CAS)     ? "cas-register"
                                      : "register";
#undef HAS
    const struct check_model *found = check_model_find(name);
    if (found != NULL && (used.functions & ~found->functions) == 0)
        return found;
    for (const struct check_model *const *m = check_models; *m != NULL; m++)
        if ((used.functions & ~(*m)->functions) == 0)
            return *m;
    return NULL;
}

void check_job_functions(const struct history *h, struct text *out)
{
    uint32_t functions = look_at(h).functions;
    const char *separator = "";
    for (int f = 0; f < OPERATION_FUNCTION_COUNT; f++) {
        if ((functions >> f & 1) != 0) {
            text_printf(out, "%s%s", separator, operation_function_name((enum operation_function)f));
            separator = ", ";
        }
    }
}

/* ---- saying it ---- */

static uint64_t first_time(const struct check_job *j)
{
    return j->history.count > 0 ? j->history.operations[0].invoked : 0;
}

static json_t *operation_json(const struct check_job *j, size_t index)
{
    const struct operation *o = &j->history.operations[index];
    struct text words = TEXT_INIT;
    history_print_operation(&j->history, index, first_time(j), &words);
    json_t *out = json_pack("{s:I, s:i, s:s, s:s, s:I, s:o}", "index", (json_int_t)index, "process", o->process, "f",
                            operation_function_name(o->function), "end", operation_end_name(o->end), "invoked",
                            (json_int_t)o->invoked, "text", json_text_string(text_string(&words)));
    bool whole = o->ended == TIME_NEVER || json_object_set_new(out, "ended", json_integer((json_int_t)o->ended)) == 0;
    text_deinit(&words);
    if (whole)
        return out;
    json_decref(out);
    return NULL;
}

int check_job_json(const struct check_job *j, struct text *out)
{
    struct text key = TEXT_INIT;
    json_t *witness = json_array();
    const struct check_result *r = &j->result;
    history_print_key(&j->history, r->key, &key);
    bool whole = true;
    for (size_t i = 0; i < r->witness.count; i++)
        whole = json_array_append_new(witness, operation_json(j, r->witness.items[i])) == 0 && whole;
    json_t *object =
        json_pack("{s:o, s:s, s:s, s:b, s:s, s:I, s:I, s:f, s:b, s:o, s:I, s:I, s:I}", "file",
                  json_text_string(j->file), "format", history_format_name(j->source.format), "model", j->model->name,
                  "guessed", j->guessed, "verdict", verdict_name(r->verdict), "operations",
                  (json_int_t)j->history.count, "checked", (json_int_t)r->checked, "seconds", (double)j->took / 1e9,
                  "minimal", r->minimal, "witness", witness, "skipped", (json_int_t)j->source.skipped, "told_nothing",
                  (json_int_t)j->source.told_nothing, "cut", (json_int_t)j->source.cut);
    if (r->reason[0] != '\0')
        whole = json_object_set_new(object, "reason", json_text_string(r->reason)) == 0 && whole;
    if (r->verdict != VERDICT_VALID)
        whole = json_object_set_new(object, "key", json_text_string(text_string(&key))) == 0 && whole;
    char *line = object != NULL ? json_text_of(object, 0) : NULL;
    if (line != NULL)
        text_printf(out, "%s\n", line);
    int code = whole && line != NULL && text_ok(out) && text_ok(&key) ? 0 : ERROR_MEMORY;
    free(line);
    json_decref(object);
    text_deinit(&key);
    return code;
}

static void print_source(const struct check_job *j, struct text *out)
{
    if (j->source.told_nothing > 0)
        text_printf(out, "  left out, for they tell nothing (failed, or a read of nil: see --nil): %zu operations\n",
                    j->source.told_nothing);
    if (j->source.cut > 0)
        text_printf(out, "  %zu bytes behind the last whole block were cut off: the run that wrote it was killed\n",
                    j->source.cut);
}

int check_job_words(const struct check_job *j, bool terminal, bool colour, struct text *out)
{
    static const char *const words[] = {"valid", "INVALID", "unknown"};
    const struct check_result *r = &j->result;
    const struct history *h = &j->history;
    char took[32];
    int code = 0;
    units_format_duration((int64_t)j->took, took, sizeof took);
    text_printf(out, "%s: %s as %s", j->file, words[r->verdict], j->model->name);
    if (j->guessed) {
        text_puts(out, " (guessed from ");
        check_job_functions(h, out);
        text_char(out, ')');
    }
    text_printf(out, ", %zu operation%s, %s\n", h->count, h->count == 1 ? "" : "s", took);
    print_source(j, out);
    if (r->verdict != VERDICT_VALID) {
        text_puts(out, "  key ");
        history_print_key(h, r->key, out);
        text_printf(out, ": %s\n", r->reason);
    } else if (r->reason[0] != '\0') {
        text_printf(out, "  %s\n", r->reason);
    }
    for (size_t i = 0; i < r->witness.count && i < WITNESS_SHOWN; i++) {
        text_printf(out, "  (%zu) ", i + 1);
        history_print_operation(h, r->witness.items[i], first_time(j), out);
        text_char(out, '\n');
    }
    if (r->witness.count > WITNESS_SHOWN)
        text_printf(out, "  and %zu more\n", r->witness.count - WITNESS_SHOWN);
    if (terminal && r->witness.count > 0)
        code = picture_terminal(h, r, TERMINAL_WIDTH, colour, out);
    return code != 0 || text_ok(out) ? code : ERROR_MEMORY;
}
