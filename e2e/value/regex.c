#include "e2e/value/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define MATCH_LIMIT 1000000 /* steps of one search */
#define HEAP_LIMIT  20000   /* KiB of one search */

struct query_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

void query_regex_free(struct query_regex *r)
{
    if (r == NULL)
        return;
    if (r->limits != NULL)
        pcre2_match_context_free(r->limits);
    if (r->data != NULL)
        pcre2_match_data_free(r->data);
    if (r->code != NULL)
        pcre2_code_free(r->code);
    free(r);
}

struct query_regex *query_regex_new(const char *pattern, struct error *err)
{
    int number;
    size_t offset;
    PCRE2_UCHAR why[128] = "";
    struct query_regex *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &number, &offset, NULL);
    if (r->code == NULL) {
        pcre2_get_error_message(number, why, sizeof why);
        if (number == PCRE2_ERROR_HEAP_FAILED)
            error_set(err, ERROR_MEMORY, "out of memory");
        else
            error_set(err, ERROR_SYNTAX, "not a regular expression: column %zu: %s", offset + 1, (const char *)why);
        query_regex_free(r);
        return NULL;
    }
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (r->data == NULL || r->limits == NULL) {
        error_set(err, ERROR_MEMORY, "out of memory");
        query_regex_free(r);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT);
    return r;
}

int query_regex_find(const struct query_regex *r, struct bytes text, size_t from, size_t *spans, int groups)
{
    int found = from <= text.len ? pcre2_match(r->code, text.len > 0 ? text.data : (PCRE2_SPTR) "", text.len, from, 0,
                                               r->data, r->limits)
                                 : PCRE2_ERROR_NOMATCH;
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found == PCRE2_ERROR_NOMEMORY)
        return ERROR_MEMORY;
    if (found < 0)
        return found >= PCRE2_ERROR_UTF8_ERR21 && found <= PCRE2_ERROR_UTF8_ERR1 ? ERROR_INVALID : ERROR_LIMIT;
    const size_t *all = pcre2_get_ovector_pointer(r->data);
    int count = (int)pcre2_get_ovector_count(r->data);
    count = count < groups ? count : groups;
    for (int i = 0; i < 2 * count; i++)
        spans[i] = all[i] == PCRE2_UNSET || i / 2 >= found ? SIZE_MAX : all[i];
    return count;
}
