#include "fuzz/live/known.h"

#include "base/map.h"
#include "base/units.h"
#include "fuzz/live/engine.h"
#include "fuzz/sequence/words.h"
#include "wire/grpc.h"

#include <string.h>

#define NAME_SHORTEST 4 /* bytes */
#define NAME_LONGEST  48
#define WORD_SHORTEST 3
#define WORD_LONGEST  24
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

/* "leaf", "created_at": what a program may give a meaning to. */
static bool is_word(struct bytes word)
{
    if (word.len < WORD_SHORTEST || word.len > WORD_LONGEST)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if ((word.data[i] < 'a' || word.data[i] > 'z') && (word.data[i] != '_' || i == 0))
            return false;
    return true;
}

static void take(struct known *k, struct map *seen, struct bytes word)
{
    bool name = is_name(word) && k->names.count < KNOWN_NAMES_MAX;
    if (!name && (!is_word(word) || k->words.count == KNOWN_WORDS_MAX))
        return;
    const char *text = arena_string_n(&k->arena, (const char *)word.data, word.len);
    if (text == NULL || map_get(seen, text) != NULL || !map_put(seen, text, k))
        return;
    if (name)
        (void)array_push(&k->names, text);
    else
        (void)array_push(&k->words, text);
}

static void take_all(struct known *k, struct map *seen, struct bytes part)
{
    size_t from = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (is_name_byte(part.data[i]) || part.data[i] == '_')
            continue;
        /* A constant ends in a NUL, and begins behind one. */
        if (part.data[i] == '\0' && (from == 0 || part.data[from - 1] == '\0'))
            take(k, seen, BYTES(part.data + from, i - from));
        from = i + 1;
    }
}

static uint64_t read_number(struct bytes b, size_t at, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n |= (uint64_t)b.data[at + i] << (8 * i);
    return n;
}

/* The i-th part of a 64-bit little-endian ELF file that is loaded (System V ABI, program header); names of what it is
 * linked with and debugged by stand beside. False: there are not so many, or it is no such file. */
static bool loaded_part(struct bytes program, size_t i, struct bytes *out)
{
    if (program.len < 64 || memcmp(program.data, "\177ELF\2\1", 6) != 0)
        return false;
    uint64_t table = read_number(program, 32, 8), size = read_number(program, 54, 2),
             count = read_number(program, 56, 2);
    for (uint64_t k = 0; size >= 56 && k < count; k++) {
        if (table > program.len || program.len - table < (k + 1) * size)
            return false;
        size_t at = (size_t)(table + k * size);
        uint64_t from = read_number(program, at + 8, 8), len = read_number(program, at + 32, 8);
        if (read_number(program, at, 4) != 1 || from > program.len || program.len - from < len || i-- > 0)
            continue;
        *out = BYTES(program.data + from, (size_t)len);
        return true;
    }
    return false;
}

void known_names(struct known *k, struct bytes program)
{
    struct map seen = MAP_INIT;
    struct bytes part;
    if (!loaded_part(program, 0, &part))
        take_all(k, &seen, program);
    for (size_t i = 0; loaded_part(program, i, &part); i++)
        take_all(k, &seen, part);
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
    array_deinit(&k->words);
    array_deinit(&k->relays);
    arena_deinit(&k->arena);
    *k = (struct known){0};
}
