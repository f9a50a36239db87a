#include "fakes/pact/regex.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct regex {
    pcre2_general_context *memory;
    pcre2_code *code;
    _Atomic(pcre2_match_data *) spare; /* of the last search that ended; NULL: in use */
    pcre2_match_context *limits;
};

/* Through this file's malloc, so that a test that makes memory fail reaches it. */
static void *take(PCRE2_SIZE size, void *arg)
{
    (void)arg;
    return malloc(size);
}

static void give(void *data, void *arg)
{
    (void)arg;
    free(data);
}

void regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_match_data_free(atomic_load(&r->spare));
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    free(r);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory for a regular expression");
}

static int refused(int code, PCRE2_SIZE offset, const char *pattern, struct error *err)
{
    PCRE2_UCHAR text[160];
    if (code == PCRE2_ERROR_NOMEMORY || code == 121 /* ERR21: no heap memory */)
        return no_memory(err);
    if (pcre2_get_error_message(code, text, sizeof text) < 0)
        text[0] = '\0';
    return error_set(err, ERROR_SYNTAX, "not a regular expression: %s, at byte %zu of '%s'", (const char *)text,
                     (size_t)offset + 1, pattern);
}

int regex_new(const char *pattern, struct regex **out, struct error *err)
{
    *out = NULL;
    size_t len = strlen(pattern);
    if (len > REGEX_LENGTH_MAX)
        return error_set(err, ERROR_LIMIT, "a regular expression of %zu bytes; at most %d are taken", len,
                         REGEX_LENGTH_MAX);
    struct regex *r = calloc(1, sizeof *r);
    if (r == NULL)
        return no_memory(err);
    int rc = 0, code = 0;
    PCRE2_SIZE offset = 0;
    r->memory = pcre2_general_context_create(take, give, NULL);
    pcre2_compile_context *how = r->memory != NULL ? pcre2_compile_context_create(r->memory) : NULL;
    r->limits = r->memory != NULL ? pcre2_match_context_create(r->memory) : NULL;
    if (how == NULL || r->limits == NULL) {
        rc = no_memory(err);
        goto out;
    }
    (void)pcre2_set_parens_nest_limit(how, 100);
    (void)pcre2_set_match_limit(r->limits, REGEX_STEPS_MAX);
    (void)pcre2_set_depth_limit(r->limits, REGEX_STEPS_MAX);
    (void)pcre2_set_heap_limit(r->limits, REGEX_HEAP_KIB);
    /* \u0041 is what JavaScript, Java and Ruby write; taking it costs \x{41}, so only where it is there. */
    uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (strstr(pattern, "\\u") != NULL)
        flags |= PCRE2_ALT_BSUX;
    r->code = pcre2_compile((PCRE2_SPTR)pattern, len, flags, &code, &offset, how);
    if (r->code == NULL) {
        rc = refused(code, offset, pattern, err);
        goto out;
    }
    pcre2_match_data *spare = pcre2_match_data_create_from_pattern(r->code, r->memory);
    atomic_init(&r->spare, spare);
    if (spare == NULL)
        rc = no_memory(err);
out:
    pcre2_compile_context_free(how);
    if (rc != 0)
        regex_free(r);
    else
        *out = r;
    return rc;
}

/* What one search writes to: the one kept, or, while another thread has it, one of its own. NULL: no memory. */
static pcre2_match_data *take_data(struct regex *r)
{
    pcre2_match_data *data = atomic_exchange(&r->spare, NULL);
    return data != NULL ? data : pcre2_match_data_create_from_pattern(r->code, r->memory);
}

static void give_data(struct regex *r, pcre2_match_data *data)
{
    pcre2_match_data_free(atomic_exchange(&r->spare, data));
}

static int search(struct regex *r, struct bytes text, uint32_t how, pcre2_match_data *data, struct error *err)
{
    int rc = pcre2_match(r->code, text.data != NULL ? text.data : (PCRE2_SPTR) "", text.len, 0, how, data, r->limits);
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return no_memory(err);
    return error_set(err, ERROR_LIMIT,
                     "a regular expression took more than %d steps on %zu bytes of text: write it without nested "
                     "repetitions, such as (a+)+",
                     REGEX_STEPS_MAX, text.len);
}

static int find(struct regex *r, struct bytes text, uint32_t how, struct error *err)
{
    pcre2_match_data *data = take_data(r);
    if (data == NULL)
        return no_memory(err);
    int rc = search(r, text, how, data, err);
    give_data(r, data);
    return rc;
}

int regex_find(struct regex *r, struct bytes text, struct error *err)
{
    return find(r, text, 0, err);
}

int regex_fits(struct regex *r, struct bytes text, struct error *err)
{
    return find(r, text, PCRE2_ANCHORED | PCRE2_ENDANCHORED, err);
}

int regex_group(struct regex *r, struct bytes text, struct bytes *group, struct error *err)
{
    pcre2_match_data *data = take_data(r);
    if (data == NULL)
        return no_memory(err);
    int rc = search(r, text, 0, data, err);
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
    if (rc > 0 && (pcre2_get_ovector_count(data) < 2 || ends[2] == PCRE2_UNSET))
        rc = 0;
    if (rc > 0)
        *group = BYTES(text.data + ends[2], ends[3] - ends[2]);
    give_data(r, data);
    return rc;
}
