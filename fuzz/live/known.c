#include "fuzz/live/known.h"

#include "base/map.h"
#include "base/units.h"
#include "fuzz/live/engine.h"
#include "fuzz/sequence/words.h"
#include "wire/grpc.h"

#include <string.h>

#define NAME_SHORTEST 4 /* bytes */
#define NAME_LONGEST  48
#define ASKED_MAX     6 /* methods tried until one is found that is answered with OK */
#define ASK_TIME      ((uint64_t)SECOND)

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* "micro-trace-id", "micro-label-"; not "a--b" or "-x", as options are. */
static bool is_name(struct bytes word)
{
    if (word.len < NAME_SHORTEST || word.len > NAME_LONGEST || word.data[0] < 'a')
        return false;
    const uint8_t *hyphen = memchr(word.data, '-', word.len);
    return hyphen != NULL && memmem(word.data, word.len, "--", 2) == NULL;
}

void known_names(struct known *k, struct bytes program)
{
    struct map seen = MAP_INIT;
    size_t from = 0;
    for (size_t i = 0; i < program.len && k->names.count < KNOWN_NAMES_MAX; i++) {
        if (is_name_byte(program.data[i]))
            continue;
        struct bytes word = BYTES(program.data + from, i - from);
        /* A constant ends in a NUL, and begins behind one. */
        bool whole = program.data[i] == '\0' && (from == 0 || program.data[from - 1] == '\0');
        from = i + 1;
        if (!whole || !is_name(word))
            continue;
        const char *name = arena_string_n(&k->arena, (const char *)word.data, word.len);
        if (name != NULL && map_get(&seen, name) == NULL && map_put(&seen, name, k))
            (void)array_push(&k->names, name);
    }
    map_deinit(&seen);
}

static void read_program(struct known *k, struct engine *e)
{
    struct text file = TEXT_INIT;
    if (e->options.program != NULL &&
        world_read_file(engine_files(e), e->options.program, KNOWN_FILE_MAX, &file, NULL) == 0)
        known_names(k, text_bytes(&file));
    text_deinit(&file);
}

/* ---- relays ----------------------------------------------------------------------------------------------------- */

static bool answers(struct engine *e, const struct target_component *c, const char *path)
{
    struct rpc_channel *channel;
    struct rpc_answer a = {0};
    const struct rpc_request request = {.path = path,
                                        .metadata = target_metadata(e->target),
                                        .timeout = ASK_TIME,
                                        .wait_for_ready = true,
                                        .has_message = true};
    bool ok = target_channel(e->target, c, &channel, NULL) == 0 &&
              rpc_unary_wait(e->target->world, channel, &request, &a, NULL) == 0 && a.reply.status == GRPC_OK;
    rpc_answer_deinit(&a);
    return ok;
}

static bool only_reads(const struct pb_method *m)
{
    struct sequence_words words;
    size_t verb;
    sequence_words_of(m->name, &words);
    enum sequence_role role = sequence_role_of(&words, &verb);
    return !m->client_streaming && !m->server_streaming && (role == ROLE_READ || role == ROLE_LIST);
}

/* Asked for a method it does not serve, one that does answers for it. */
static void find_relays(struct known *k, struct engine *e)
{
    const struct method_tally *fine[2] = {NULL, NULL}; /* of two components, so that one is another's for all */
    size_t asked = 0;
    for (size_t i = 0; i < e->method_count && asked < ASKED_MAX && fine[1] == NULL && !engine_ends(e); i++) {
        const struct method_tally *m = &e->tallies[i];
        bool second = fine[0] != NULL;
        if (!only_reads(m->method) || m->component->address == NULL || (second && m->component == fine[0]->component))
            continue;
        asked++;
        if (answers(e, m->component, m->method->path))
            fine[second] = m;
    }
    for (size_t i = 0; i < e->target->component_count && k->relays.count < KNOWN_RELAYS_MAX && !engine_ends(e); i++) {
        const struct target_component *c = &e->target->components[i];
        const struct method_tally *other = fine[0] != NULL && fine[0]->component != c ? fine[0] : fine[1];
        if (other != NULL && c->address != NULL && answers(e, c, other->method->path))
            (void)array_push(&k->relays, c->name);
    }
}

void known_find(struct known *k, struct engine *e)
{
    read_program(k, e);
    if (e->target->component_count > 1)
        find_relays(k, e);
}

void known_deinit(struct known *k)
{
    array_deinit(&k->names);
    array_deinit(&k->relays);
    arena_deinit(&k->arena);
    *k = (struct known){0};
}
