/* Pact interactions in process: an answer of ten fields matched by equality, by type and by one regular expression a
 * field; one that does not match, with its texts; a pact of 100 interactions read and written.
 *
 *   pact_bench [ROUNDS]     interactions of each slice (2,000)
 *
 * The kinds take turns, a slice at a time, so that a busy machine hurts all of them alike; told are the medians of the
 * slices in processor time of this thread, and their ratio to equality. */
#include "fakes/pact/pact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICES 15
#define FIELDS                                                                                                         \
    "\"a\": 1, \"b\": \"text\", \"c\": true, \"d\": 1.5, \"e\": \"x\", \"f\": {\"g\": \"y\", \"h\": [1, 2]}, \"i\": "  \
    "null, \"j\": \"z\""

struct kind {
    const char *name, *rules, *actual;
    struct pact *pact;
    struct pact_part came;
    bool fits;
    double us[SLICES];
};

static struct kind kinds[] = {
    {.name = "equality", .rules = "", .actual = "{" FIELDS "}", .fits = true},
    {.name = "type, one rule",
     .rules = "\"$\": {\"matchers\": [{\"match\": \"type\"}]}",
     .actual = "{" FIELDS "}",
     .fits = true},
    {.name = "ten regular expressions",
     .rules =
         "\"$.a\": R, \"$.b\": R, \"$.c\": R, \"$.d\": R, \"$.e\": R, \"$.f.g\": R, \"$.f.h[0]\": R, \"$.f.h[1]\": R, "
         "\"$.i\": R, \"$.j\": R",
     .actual = "{" FIELDS "}",
     .fits = true},
    {.name = "two mismatches",
     .rules = "\"$.a\": {\"matchers\": [{\"match\": \"integer\"}]}",
     .actual = "{\"a\": \"1\", \"b\": \"other\", \"c\": true, \"d\": 1.5, \"e\": \"x\", \"f\": {\"g\": \"y\", \"h\": "
               "[1, 2]}, "
               "\"i\": null, \"j\": \"z\"}"},
};
#define KINDS (sizeof kinds / sizeof *kinds)
#define R     "{\"matchers\": [{\"match\": \"regex\", \"regex\": \"^[\\\\w.]+$\"}]}"

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, SLICES, sizeof *values, compare);
    return values[SLICES / 2];
}

static struct pact *parse(const char *text)
{
    struct pact *p;
    struct error err = ERROR_INIT;
    if (pact_parse(bytes_of(text), "bench.json", &p, &err) == 0)
        return p;
    (void)fprintf(stderr, "%d:%d: %s\n", err.line, err.column, err.message);
    exit(1);
}

static void add_interaction(struct text *text, const struct kind *k, int number)
{
    text_printf(
        text,
        "{\"type\": \"Synchronous/HTTP\", \"description\": \"d%d\", \"request\": {}, \"response\": {\"status\": 200, "
        "\"headers\": {\"Content-Type\": \"application/json\"}, \"body\": {\"content\": {" FIELDS "}}, "
        "\"matchingRules\": {\"body\": {",
        number);
    for (const char *c = k->rules; *c != '\0'; c++)
        if (*c == 'R')
            text_puts(text, R);
        else
            text_char(text, *c);
    text_puts(text, "}}}}");
}

static char *pact_text(const struct kind *k, int count)
{
    struct text text = TEXT_INIT;
    text_puts(
        &text,
        "{\"consumer\": {\"name\": \"c\"}, \"provider\": {\"name\": \"p\"}, \"metadata\": {\"pactSpecification\": "
        "{\"version\": \"4.0\"}}, \"interactions\": [");
    for (int i = 0; i < count; i++) {
        text_puts(&text, i > 0 ? ", " : "");
        add_interaction(&text, k, i);
    }
    text_puts(&text, "]}");
    return text_take(&text);
}

static void set_up(struct kind *k)
{
    char *text = pact_text(k, 1);
    k->pact = parse(text);
    k->came = (struct pact_part){.status = 200};
    (void)array_push(&k->came.headers, ((struct pact_header){"content-type", "application/json; charset=utf-8"}));
    k->came.content = (struct pact_content){.presence = PACT_THERE, .bytes = bytes_of(k->actual)};
    free(text);
}

/* As a verifier does: the body is parsed from its bytes each time. */
static double slice(struct kind *k, int rounds)
{
    double start = cpu_us();
    for (int i = 0; i < rounds; i++) {
        struct pact_result result;
        pact_result_init(&result);
        if (pact_match_response(&k->pact->interactions.items[0].responses.items[0], &k->came, &result, NULL) != 0 ||
            (result.mismatches.count == 0) != k->fits)
            exit(1);
        pact_result_deinit(&result);
    }
    return (cpu_us() - start) / rounds;
}

static void read_and_write(void)
{
    double read[SLICES], written[SLICES];
    char *text = pact_text(&kinds[2], 100);
    for (int s = 0; s < SLICES; s++) {
        struct text out = TEXT_INIT;
        double start = cpu_us();
        struct pact *p = parse(text);
        read[s] = cpu_us() - start;
        start = cpu_us();
        if (pact_write(p, &out) != 0)
            exit(1);
        written[s] = cpu_us() - start;
        text_deinit(&out);
        pact_free(p);
    }
    printf("%-26s %10.1f us per interaction (%zu bytes of 100)\n", "read", median(read) / 100, strlen(text));
    printf("%-26s %10.1f us per interaction\n", "written", median(written) / 100);
    free(text);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 2000;
    if (rounds < 1) {
        (void)fprintf(stderr, "usage: pact_bench [ROUNDS]\n");
        return 2;
    }
    for (size_t k = 0; k < KINDS; k++)
        set_up(&kinds[k]);
    for (int s = 0; s < SLICES; s++)
        for (size_t k = 0; k < KINDS; k++)
            kinds[k].us[s] = slice(&kinds[k], rounds);
    double equality = median(kinds[0].us);
    for (size_t k = 0; k < KINDS; k++)
        printf("%-26s %10.2f us per interaction, %5.2f of equality\n", kinds[k].name, median(kinds[k].us),
               median(kinds[k].us) / equality);
    read_and_write();
    for (size_t k = 0; k < KINDS; k++) {
        array_deinit(&kinds[k].came.headers);
        pact_free(kinds[k].pact);
    }
    return 0;
}
