#include "harrow/flows/spaces.h"

#include "base/hash.h"
#include "base/json_text.h"
#include "chaos/journal/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spaces {
    struct run *run;
    char *manifest; /* resolved; from malloc */
    char at[20];    /* of the system's addresses: one manifest may stand for several (${env.HOST}) */
    struct undo_journal *journal;
    struct e2e_spaces operations;
    const struct e2e_options *options;
    bool told;
};

static void say(struct spaces *s, const struct text *line)
{
    result_emit(&s->run->results, "note", json_pack("{s:s}", "text", text_string(line)));
}

/* A hash: addresses may hold what is secret. */
static void know_system(struct spaces *s, const struct target *t)
{
    uint64_t sum = HASH_START;
    for (size_t i = 0; i <= t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        bool whole = i == t->component_count;
        const char *const doors[] = {whole ? t->gateway : c->address, whole ? NULL : c->http};
        for (size_t k = 0; k < sizeof doors / sizeof doors[0]; k++)
            sum = hash_add(sum, doors[k] != NULL ? BYTES(doors[k], strlen(doors[k]) + 1) : BYTES("", 1));
    }
    (void)snprintf(s->at, sizeof s->at, "%016" PRIx64, sum);
}

/* ---- while they are there ---- */

static uint64_t note(void *arg, const char *name, const json_t *variables)
{
    struct spaces *s = arg;
    struct error err = ERROR_INIT;
    struct text line = TEXT_INIT;
    uint64_t number = 0;
    json_t *tree = json_pack("{s:s, s:s, s:O*}", "manifest", s->manifest, "at", s->at, "variables", variables);
    char *system = tree != NULL ? json_text_of(tree, 0) : NULL;
    int code = system != NULL ? undo_journal_note(&s->journal, s->run->world,
                                                  &(struct undo){.kind = UNDO_NAMESPACE, .path = name, .other = system},
                                                  &number, &err)
                              : error_set(&err, ERROR_MEMORY, "out of memory");
    if (code != 0 && !s->told) {
        text_puts(&line, "should harrow be killed, nobody will know which namespaces it left: ");
        error_format(&err, &line);
        say(s, &line);
        s->told = true;
    }
    text_deinit(&line);
    error_clear(&err);
    free(system);
    json_decref(tree);
    return code == 0 ? number : 0;
}

static void strike(void *arg, uint64_t number)
{
    const struct spaces *s = arg;
    undo_journal_strike(s->journal, number);
}

struct spaces *spaces_new(struct run *r, const struct target *t)
{
    struct spaces *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->run = r;
    s->manifest = realpath(r->manifest->path, NULL);
    s->operations = (struct e2e_spaces){.arg = s, .note = note, .strike = strike};
    know_system(s, t);
    if (s->manifest != NULL)
        return s;
    free(s);
    return NULL;
}

void spaces_free(struct spaces *s)
{
    if (s == NULL)
        return;
    undo_journal_close(s->journal);
    free(s->manifest);
    free(s);
}

const struct e2e_spaces *spaces_operations(const struct spaces *s)
{
    return &s->operations;
}

/* ---- after a run that was killed ---- */

static bool is_text(const json_t *tree, const char *member, const char *expected)
{
    const char *text = json_string_value(json_object_get(tree, member));
    return text != NULL && strcmp(text, expected) == 0;
}

static bool take_away(void *arg, const struct undo *step)
{
    struct spaces *s = arg;
    struct error err = ERROR_INIT;
    struct text line = TEXT_INIT;
    json_t *system = json_loads(step->other, 0, NULL), *variables = json_object_get(system, "variables");
    json_t *none = json_object();
    bool ours = !s->run->interrupted && none != NULL && is_text(system, "manifest", s->manifest) &&
                is_text(system, "at", s->at);
    if (ours) {
        bool left = e2e_space_remove(s->options, step->path, json_is_object(variables) ? variables : none, &err) != 0;
        text_printf(&line, "the namespace %s of a run that was killed was %staken away%s", step->path,
                    left ? "not " : "", left ? ": " : "");
        if (left)
            error_format(&err, &line);
        say(s, &line);
    }
    text_deinit(&line);
    error_clear(&err);
    json_decref(none);
    json_decref(system);
    return ours;
}

void spaces_heal(struct spaces *s, const struct e2e_options *o)
{
    struct error err = ERROR_INIT;
    struct text line = TEXT_INIT;
    s->options = o;
    if (undo_journal_heal_namespaces(s->run->world, take_away, s, &err) != 0) {
        text_puts(&line, "namespaces that earlier runs may have left were not looked for: ");
        error_format(&err, &line);
        say(s, &line);
    }
    s->options = NULL;
    text_deinit(&line);
    error_clear(&err);
}
