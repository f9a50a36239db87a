/* Runs the Pact specification's own test cases (github.com/pact-foundation/pact-specification, folder testcases of its
 * branches), which are not part of this tree:
 *
 *     pact_cases VERSION FOLDER...     pact_cases 3 pact-specification/testcases
 *
 * A case is a file {"match": true|false, "expected": PART, "actual": PART}; its folder says whether the parts are
 * requests, responses or messages. Prints what did not go as the case says, and the counts; exit 1 when anything did.
 */
#include "fakes/pact/internal.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static int version;
static size_t passed, failed;

static bool load(const char *path, struct text *out)
{
    char room[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    while ((n = fread(room, 1, sizeof room, f)) > 0)
        text_add(out, room, n);
    (void)fclose(f);
    /* Some cases begin with a byte order mark. */
    if (out->len >= 3 && memcmp(out->data, "\xEF\xBB\xBF", 3) == 0)
        text_consume(out, 3);
    return text_ok(out);
}

static int read_case(const struct document *d, const char *path, struct arena *arena, struct pact_part *expected,
                     struct pact_part *actual, struct error *err)
{
    struct pact_reader r = {.arena = arena, .version = version, .err = err};
    const struct node *root = document_root(d), *e = node_get(root, "expected"), *a = node_get(root, "actual");
    enum pact_part_kind kind = strstr(path, "/message/") != NULL    ? PART_MESSAGE
                               : strstr(path, "/response/") != NULL ? PART_RESPONSE
                                                                    : PART_REQUEST;
    if (e == NULL || a == NULL)
        return error_set(err, ERROR_INVALID, "a case without expected or actual");
    int rc = pact_read_part(&r, e, kind, expected);
    return rc != 0 ? rc : pact_read_part(&r, a, kind, actual);
}

static void run(const char *path)
{
    struct text text = TEXT_INIT, why = TEXT_INIT;
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    struct pact_part expected = {0}, actual = {0};
    struct pact_result result;
    pact_result_init(&result);
    int rc = load(path, &text) ? document_parse_json(text_bytes(&text), path, &d, &err) : ERROR_IO;
    if (rc == 0)
        rc = read_case(d, path, &arena, &expected, &actual, &err);
    if (rc == 0)
        rc = strstr(path, "/request/") != NULL ? pact_match_request(&expected, &actual, &result, &err)
                                               : pact_match_response(&expected, &actual, &result, &err);
    const struct node *match = d != NULL ? node_get(document_root(d), "match") : NULL;
    bool right = rc == 0 && match != NULL && match->boolean == (result.mismatches.count == 0);
    passed += right;
    failed += !right;
    if (!right || getenv("PACT_CASES_ALL") != NULL) {
        error_format(&err, &why);
        printf("%s %s%s%s\n", right ? "ok  " : "FAIL", path, rc != 0 ? ": " : "", rc != 0 ? text_string(&why) : "");
        for (size_t i = 0; i < result.mismatches.count; i++)
            printf("       %s\n", result.mismatches.items[i].text);
    }
    pact_part_deinit(&expected);
    pact_part_deinit(&actual);
    pact_result_deinit(&result);
    arena_deinit(&arena);
    document_free(d);
    error_clear(&err);
    text_deinit(&text);
    text_deinit(&why);
}

static int visit(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)at;
    size_t len = strlen(path);
    if (type == FTW_F && len > 5 && strcmp(path + len - 5, ".json") == 0)
        run(path);
    return 0;
}

int main(int argc, char **argv)
{
    version = argc > 2 ? atoi(argv[1]) : 0;
    if (version < 1 || version > 4) {
        (void)fprintf(stderr, "usage: pact_cases VERSION FOLDER...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        if (nftw(argv[i], visit, 16, FTW_PHYS) != 0)
            perror(argv[i]);
    printf("%zu cases as they say, %zu not\n", passed, failed);
    return failed > 0 || passed == 0;
}
