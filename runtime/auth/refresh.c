#include "runtime/auth/refresh.h"

#include "base/base64.h"
#include "runtime/auth/auth.h"
#include "runtime/auth/secret.h"

#include <string.h>

#define FAMILY_BYTES 16
#define SECRET_BYTES 32

static const char *digest_of(const char *text, struct arena *arena)
{
    struct text digest = TEXT_INIT;
    const char *out = secret_digest(text, &digest, NULL) == 0 ? arena_string(arena, text_string(&digest)) : NULL;
    text_deinit(&digest);
    return out;
}

int refresh_parse(const char *text, struct arena *arena, struct refresh_token *out)
{
    size_t len = strnlen(text, REFRESH_MAX + 1);
    const char *first = memchr(text, '.', len), *second = first ? strchr(first + 1, '.') : NULL;
    struct text id = TEXT_INIT;
    int rc = ERROR_INVALID;
    if (len > REFRESH_MAX || !second || second == first + 1 || strchr(second + 1, '.') || !second[1])
        return ERROR_INVALID;
    if (base64_decode(&id, BYTES(text, (size_t)(first - text))) && text_ok(&id) && strlen(text_string(&id)) == id.len &&
        auth_id_valid(text_string(&id))) {
        const char *family = arena_string_n(arena, first + 1, (size_t)(second - first - 1));
        *out = (struct refresh_token){.text = arena_string(arena, text),
                                      .id = arena_string(arena, text_string(&id)),
                                      .family = family ? digest_of(family, arena) : NULL,
                                      .head = arena_string_n(arena, text, (size_t)(second + 1 - text))};
        rc = out->text && out->id && out->family && out->head ? 0 : ERROR_MEMORY;
    }
    text_deinit(&id);
    return rc;
}

int refresh_first(struct world *w, const char *account, struct arena *arena, struct refresh_token *out)
{
    struct text text = TEXT_INIT;
    base64_encode_url(&text, bytes_of(account));
    text_char(&text, '.');
    int rc = secret_random(w, FAMILY_BYTES, &text, NULL);
    text_char(&text, '.');
    if (rc == 0)
        rc = secret_random(w, SECRET_BYTES, &text, NULL);
    if (rc == 0)
        rc = refresh_parse(text_string(&text), arena, out);
    text_deinit(&text);
    return rc;
}

int refresh_successor(const struct refresh_token *before, const char *salt, struct arena *arena,
                      struct refresh_token *out)
{
    struct text text = TEXT_INIT;
    text_puts(&text, before->head);
    int rc = secret_mac(before->text, salt, &text, NULL);
    if (rc == 0)
        rc = refresh_parse(text_string(&text), arena, out);
    text_deinit(&text);
    return rc;
}

static const char *member(const json_t *object, const char *name, struct arena *arena)
{
    const char *value = json_string_value(json_object_get(object, name));
    return arena_string(arena, value ? value : "");
}

int refresh_record_parse(struct bytes value, struct arena *arena, struct refresh_record *out, struct error *err)
{
    json_t *root = json_loadb(value.len ? (const char *)value.data : "", value.len, 0, NULL);
    int rc = 0;
    *out = (struct refresh_record){.generation = member(root, "generation", arena),
                                   .current = member(root, "current", arena),
                                   .previous = member(root, "previous", arena),
                                   .salt = member(root, "salt", arena),
                                   .rotated = (int64_t)json_integer_value(json_object_get(root, "rotated")),
                                   .born = (int64_t)json_integer_value(json_object_get(root, "born"))};
    if (!out->generation || !out->current || !out->previous || !out->salt)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    else if (!json_is_object(root) || !out->current[0] || out->born < 0 || out->rotated < 0)
        rc = error_set(err, ERROR_SYNTAX, "a refresh token's record cannot be read");
    json_decref(root);
    return rc;
}

enum refresh_verdict refresh_judge(const struct refresh_record *r, const char *digest, int64_t now)
{
    if (now - r->born >= REFRESH_LIFE)
        return REFRESH_OVER;
    if (secret_equal(r->current, digest))
        return REFRESH_CURRENT;
    /* A clock that went back must not make a lost answer a theft. */
    int64_t ago = now > r->rotated ? now - r->rotated : 0;
    if (r->previous[0] && secret_equal(r->previous, digest) && ago <= REFRESH_GRACE)
        return REFRESH_REPEATED;
    return REFRESH_STOLEN;
}

int64_t refresh_left(const struct refresh_record *r, int64_t now)
{
    int64_t life = r->born + REFRESH_LIFE - now;
    return life < 1 ? 1 : life < REFRESH_IDLE ? life : REFRESH_IDLE;
}
