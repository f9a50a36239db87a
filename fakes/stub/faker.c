/* faker.GROUP.NAME: values that look like those of the world, drawn from the answer's seed. The names and kinds are
 * those of gripmock's faker; the words are our own. */
#include "fakes/stub/function.h"

#include "base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 1000 /* of a sentence, and sentences of a paragraph */

#define WORDS(name, ...) static const char *const name[] = {__VA_ARGS__, NULL}
WORDS(first_names, "Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Clara", "David", "Elif", "Emma", "Farid", "Grace",
      "Hana", "Igor", "Ines", "Jonas", "Karim", "Laila", "Leo", "Maria", "Mei", "Nadia", "Noah", "Olga", "Omar", "Paul",
      "Rosa", "Sam", "Sofia", "Tomas", "Vera", "Yuki");
WORDS(last_names, "Almeida", "Bauer", "Berg", "Castro", "Chan", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad",
      "Ivanov", "Jansen", "Kaya", "Kowalski", "Lopez", "Martin", "Mori", "Nguyen", "Novak", "Okafor", "Patel", "Quinn",
      "Rossi", "Sato", "Silva", "Smith", "Taylor", "Varga", "Weber", "Young", "Zhang");
WORDS(prefixes, "Mr.", "Mrs.", "Ms.", "Miss", "Dr.");
WORDS(suffixes, "Jr.", "Sr.", "II", "III", "MD", "PhD");
WORDS(genders, "male", "female");
WORDS(countries, "Argentina", "Australia", "Brazil", "Canada", "Denmark", "Egypt", "France", "Germany", "India",
      "Italy", "Japan", "Kenya", "Mexico", "Norway", "Poland", "Spain", "Turkey", "Vietnam");
WORDS(country_codes, "AR", "AU", "BR", "CA", "DK", "EG", "FR", "DE", "IN", "IT", "JP", "KE", "MX", "NO", "PL", "ES",
      "TR", "VN");
WORDS(cities, "Aarhus", "Berlin", "Bogota", "Cairo", "Chicago", "Delhi", "Hanoi", "Izmir", "Kyoto", "Lagos", "Lisbon",
      "Lyon", "Madrid", "Nairobi", "Oslo", "Perth", "Porto", "Prague", "Rome", "Seattle", "Toronto", "Vienna");
WORDS(states, "Alabama", "Alaska", "Arizona", "California", "Colorado", "Florida", "Georgia", "Hawaii", "Idaho",
      "Illinois", "Kansas", "Maine", "Nevada", "New York", "Ohio", "Oregon", "Texas", "Utah", "Vermont", "Washington");
WORDS(state_codes, "AL", "AK", "AZ", "CA", "CO", "FL", "GA", "HI", "ID", "IL", "KS", "ME", "NV", "NY", "OH", "OR", "TX",
      "UT", "VT", "WA");
WORDS(streets, "Bridge", "Chestnut", "Church", "Garden", "Harbor", "High", "Lake", "Linden", "Main", "Market", "Mill",
      "Oak", "Orchard", "Park", "River", "Spring", "Station", "Sunset", "Valley", "Willow");
WORDS(street_kinds, "Street", "Avenue", "Road", "Lane", "Drive", "Way", "Square", "Court");
WORDS(zones, "Africa/Cairo", "Africa/Lagos", "America/Chicago", "America/Los_Angeles", "America/New_York",
      "America/Sao_Paulo", "Asia/Hanoi", "Asia/Kolkata", "Asia/Tokyo", "Australia/Perth", "Europe/Berlin",
      "Europe/Lisbon", "Europe/Oslo", "Europe/Paris", "Pacific/Auckland");
WORDS(endings, "com", "net", "org", "io", "info", "biz", "name");
WORDS(methods, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD");
WORDS(systems, "X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7");
WORDS(company_suffixes, "Inc", "LLC", "and Sons", "Group", "Ltd", "GmbH");
WORDS(job_levels, "Accounts", "Applications", "Brand", "Configuration", "Data", "Factors", "Infrastructure", "Markets",
      "Operations", "Quality", "Research", "Security", "Solutions", "Web");
WORDS(job_descriptors, "Central", "Chief", "Corporate", "District", "Dynamic", "Future", "Global", "Lead", "National",
      "Principal", "Regional", "Senior");
WORDS(jobs, "Administrator", "Agent", "Analyst", "Architect", "Assistant", "Consultant", "Designer", "Developer",
      "Director", "Engineer", "Manager", "Officer", "Planner", "Producer", "Supervisor", "Technician");
WORDS(adjectives, "Bright", "Compact", "Durable", "Elegant", "Fresh", "Light", "Modern", "Portable", "Quiet", "Robust",
      "Smart", "Smooth", "Strong", "Swift", "Warm", "Wireless");
WORDS(materials, "Bamboo", "Carbon", "Ceramic", "Copper", "Cotton", "Glass", "Granite", "Leather", "Linen", "Marble",
      "Oak", "Silk", "Steel", "Wool");
WORDS(products, "Backpack", "Blender", "Camera", "Chair", "Clock", "Headphones", "Jacket", "Keyboard", "Kettle", "Lamp",
      "Mug", "Notebook", "Scale", "Speaker", "Table", "Watch");
WORDS(categories, "beauty", "books", "clothing", "electronics", "furniture", "garden", "groceries", "health", "jewelry",
      "kitchen", "music", "office", "pets", "shoes", "sports", "toys");
WORDS(currencies, "Australian Dollar", "Brazilian Real", "British Pound", "Canadian Dollar", "Danish Krone", "Euro",
      "Indian Rupee", "Japanese Yen", "Mexican Peso", "Norwegian Krone", "Polish Zloty", "Swiss Franc", "US Dollar");
WORDS(currency_codes, "AUD", "BRL", "GBP", "CAD", "DKK", "EUR", "INR", "JPY", "MXN", "NOK", "PLN", "CHF", "USD");
WORDS(words, "after", "apple", "autumn", "basket", "before", "bridge", "bring", "cloud", "color", "corner", "dance",
      "early", "field", "flower", "follow", "forest", "garden", "gentle", "green", "harbor", "island", "journey",
      "kitchen", "lantern", "letter", "listen", "market", "meadow", "moment", "morning", "mountain", "music", "narrow",
      "ocean", "orange", "paper", "pencil", "quiet", "rain", "river", "shadow", "silver", "simple", "song", "stone",
      "story", "summer", "table", "travel", "under", "valley", "village", "water", "window", "winter", "yellow");
WORDS(phrases, "all in good time", "day after day", "first things first", "here and there", "in the long run",
      "more or less", "no more than that", "one step at a time", "side by side", "so far so good", "step by step",
      "sooner or later");
WORDS(questions, "Can", "Did", "Does", "How", "Should", "What", "When", "Where", "Who", "Why", "Will", "Would");
WORDS(weekdays, "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday");

/* ---- drawing ---- */

static int64_t between(struct asking *x, int64_t low, int64_t high)
{
    return random_range(asking_random(x), low, high);
}

static const char *any(struct asking *x, const char *const *list)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    return list[random_below(asking_random(x), count)];
}

static void put_lower(struct text *out, const char *word)
{
    for (; *word != '\0'; word++)
        if (isalnum((unsigned char)*word))
            text_char(out, (char)tolower((unsigned char)*word));
}

/* `#` is a digit. */
static void put_digits(struct asking *x, struct text *out, const char *form)
{
    for (; *form != '\0'; form++)
        text_char(out, *form == '#' ? (char)('0' + between(x, 0, 9)) : *form);
}

static void put_sentence(struct asking *x, struct text *out, int64_t count)
{
    size_t from = out->len;
    for (int64_t i = 0; i < count; i++)
        text_printf(out, "%s%s", i > 0 ? " " : "", any(x, words));
    if (out->len > from)
        out->data[from] = (char)toupper((unsigned char)out->data[from]);
    text_char(out, '.');
}

static void put_paragraph(struct asking *x, struct text *out, int64_t sentences)
{
    for (int64_t i = 0; i < sentences; i++) {
        text_puts(out, i > 0 ? " " : "");
        put_sentence(x, out, between(x, 5, 12));
    }
}

/* RFC 9562, version 4. */
static void put_uuid(struct asking *x, struct text *out)
{
    uint8_t b[16];
    random_bytes(asking_random(x), b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof b; i++)
        text_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
}

static void put_domain(struct asking *x, struct text *out)
{
    put_lower(out, any(x, job_descriptors));
    put_lower(out, any(x, words));
    text_printf(out, ".%s", any(x, endings));
}

static void put_time(struct asking *x, struct text *out, int64_t ns)
{
    char made[32];
    (void)x;
    units_format_time(ns, made, sizeof made);
    text_puts(out, made);
}

/* ---- texts ---- */

enum kind {
    FIRST_NAME,
    LAST_NAME,
    NAME,
    PREFIX,
    SUFFIX,
    GENDER,
    EMAIL,
    PHONE,
    USERNAME,
    URL,
    COUNTRY,
    COUNTRY_CODE,
    CITY,
    STATE,
    STATE_CODE,
    ZIP,
    STREET,
    TIME_ZONE,
    DOMAIN_NAME,
    DOMAIN_SUFFIX,
    IPV4,
    IPV6,
    MAC,
    USER_AGENT,
    HTTP_METHOD,
    COMPANY,
    COMPANY_SUFFIX,
    JOB_TITLE,
    JOB_LEVEL,
    JOB_DESCRIPTOR,
    PRODUCT_NAME,
    PRODUCT_CATEGORY,
    PRODUCT_DESCRIPTION,
    CURRENCY_LONG,
    CURRENCY_SHORT,
    WORD,
    SENTENCE,
    PARAGRAPH,
    PHRASE,
    QUOTE,
    QUESTION,
    DATE,
    PAST_DATE,
    FUTURE_DATE,
    WEEK_DAY,
    UUID,
    SSN,
    EIN,
};

static void put_text(struct asking *x, enum kind kind, int64_t count, struct text *out)
{
    static const char *const *const lists[EIN + 1] = {
        [FIRST_NAME] = first_names,
        [LAST_NAME] = last_names,
        [PREFIX] = prefixes,
        [SUFFIX] = suffixes,
        [GENDER] = genders,
        [COUNTRY] = countries,
        [COUNTRY_CODE] = country_codes,
        [CITY] = cities,
        [STATE] = states,
        [STATE_CODE] = state_codes,
        [TIME_ZONE] = zones,
        [DOMAIN_SUFFIX] = endings,
        [HTTP_METHOD] = methods,
        [COMPANY_SUFFIX] = company_suffixes,
        [JOB_TITLE] = jobs,
        [JOB_LEVEL] = job_levels,
        [JOB_DESCRIPTOR] = job_descriptors,
        [PRODUCT_CATEGORY] = categories,
        [CURRENCY_LONG] = currencies,
        [CURRENCY_SHORT] = currency_codes,
        [WORD] = words,
        [PHRASE] = phrases,
        [WEEK_DAY] = weekdays,
    };
    int64_t now = (int64_t)x->asked->now;
    if (lists[kind] != NULL) {
        text_puts(out, any(x, lists[kind]));
        return;
    }
    switch ((int)kind) {
    case NAME:
        text_printf(out, "%s %s", any(x, first_names), any(x, last_names));
        break;
    case EMAIL:
        put_lower(out, any(x, first_names));
        put_lower(out, any(x, last_names));
        text_char(out, '@');
        put_lower(out, any(x, last_names));
        text_printf(out, ".%s", any(x, endings));
        break;
    case PHONE:
        put_digits(x, out, "##########");
        break;
    case USERNAME:
        put_lower(out, any(x, last_names));
        put_digits(x, out, "####");
        break;
    case URL:
        text_puts(out, between(x, 0, 1) ? "https://www." : "http://www.");
        put_domain(x, out);
        for (int64_t i = between(x, 1, 4); i > 0; i--)
            text_printf(out, "/%s", any(x, words));
        break;
    case ZIP:
        put_digits(x, out, "#####");
        break;
    case STREET:
        text_printf(out, "%d %s %s", (int)between(x, 1, 9999), any(x, streets), any(x, street_kinds));
        break;
    case DOMAIN_NAME:
        put_domain(x, out);
        break;
    case IPV4:
        for (int i = 0; i < 4; i++)
            text_printf(out, "%s%d", i > 0 ? "." : "", (int)between(x, 0, 255));
        break;
    case IPV6:
        for (int i = 0; i < 8; i++)
            text_printf(out, "%s%x", i > 0 ? ":" : "", (unsigned)between(x, 0, 65535));
        break;
    case MAC:
        for (int i = 0; i < 6; i++)
            text_printf(out, "%s%02x", i > 0 ? ":" : "", (unsigned)between(x, 0, 255));
        break;
    case USER_AGENT:
        text_printf(out, "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
                    any(x, systems), (int)between(x, 100, 140));
        break;
    case COMPANY:
        text_printf(out, "%s %s", any(x, last_names), any(x, company_suffixes));
        break;
    case PRODUCT_NAME:
        text_printf(out, "%s %s %s", any(x, adjectives), any(x, materials), any(x, products));
        break;
    case PRODUCT_DESCRIPTION:
        put_paragraph(x, out, between(x, 1, 3));
        break;
    case SENTENCE:
        put_sentence(x, out, count >= 0 ? count : between(x, 5, 12));
        break;
    case PARAGRAPH:
        put_paragraph(x, out, count >= 0 ? count : between(x, 2, 5));
        break;
    case QUOTE:
        text_char(out, '"');
        put_sentence(x, out, between(x, 4, 10));
        text_printf(out, "\" - %s %s", any(x, first_names), any(x, last_names));
        break;
    case QUESTION:
        text_puts(out, any(x, questions));
        for (int64_t i = between(x, 3, 8); i > 0; i--)
            text_printf(out, " %s", any(x, words));
        text_char(out, '?');
        break;
    case DATE: /* since 1900 */
        put_time(x, out, between(x, -2208988800, now / SECOND) * SECOND);
        break;
    case PAST_DATE:
        put_time(x, out, now - between(x, 1, 12) * HOUR);
        break;
    case FUTURE_DATE:
        put_time(x, out, now + between(x, 1, 12) * HOUR);
        break;
    case UUID:
        put_uuid(x, out);
        break;
    case SSN:
        text_printf(out, "%d", (int)between(x, 100000000, 999999999));
        break;
    default: /* EIN */
        text_printf(out, "%d", (int)between(x, 10, 99));
        put_digits(x, out, "-#######");
        break;
    }
}

static bool text(struct asking *x, const struct made *a, size_t count, enum kind kind, struct made *out)
{
    struct text made = TEXT_INIT;
    double n = -1;
    if (count > 0 && (!made_number(x, a, &n) || !(n >= 0 && n <= WORDS_MAX)))
        return made_fail(x, ERROR_INVALID, "faker's texts have 0 to 1,000 words or sentences");
    put_text(x, kind, (int64_t)n, &made);
    return function_give(x, &made, out);
}

#define TEXT(name, kind)                                                                                               \
    static bool name(struct asking *x, const struct made *a, size_t count, struct made *out)                           \
    {                                                                                                                  \
        return text(x, a, count, kind, out);                                                                           \
    }
/* clang-format off */
TEXT(first_name, FIRST_NAME) TEXT(last_name, LAST_NAME) TEXT(full_name, NAME) TEXT(prefix, PREFIX)
TEXT(suffix, SUFFIX) TEXT(gender, GENDER) TEXT(email, EMAIL) TEXT(phone, PHONE) TEXT(username, USERNAME)
TEXT(url, URL) TEXT(country, COUNTRY) TEXT(country_code, COUNTRY_CODE) TEXT(city, CITY) TEXT(state, STATE)
TEXT(state_code, STATE_CODE) TEXT(zip, ZIP) TEXT(street, STREET) TEXT(time_zone, TIME_ZONE)
TEXT(domain_name, DOMAIN_NAME) TEXT(domain_suffix, DOMAIN_SUFFIX) TEXT(ipv4, IPV4) TEXT(ipv6, IPV6) TEXT(mac, MAC)
TEXT(user_agent, USER_AGENT) TEXT(http_method, HTTP_METHOD) TEXT(company, COMPANY)
TEXT(company_suffix, COMPANY_SUFFIX) TEXT(job_title, JOB_TITLE) TEXT(job_level, JOB_LEVEL)
TEXT(job_descriptor, JOB_DESCRIPTOR) TEXT(product_name, PRODUCT_NAME) TEXT(product_category, PRODUCT_CATEGORY)
TEXT(product_description, PRODUCT_DESCRIPTION) TEXT(currency_long, CURRENCY_LONG) TEXT(currency_short, CURRENCY_SHORT)
TEXT(word, WORD) TEXT(sentence, SENTENCE) TEXT(paragraph, PARAGRAPH) TEXT(phrase, PHRASE) TEXT(quote, QUOTE)
TEXT(question, QUESTION) TEXT(date, DATE) TEXT(past_date, PAST_DATE) TEXT(future_date, FUTURE_DATE)
TEXT(week_day, WEEK_DAY) TEXT(uuid, UUID) TEXT(ssn, SSN) TEXT(ein, EIN)

/* ---- numbers ---- */

static bool whole(struct asking *x, int64_t low, int64_t high, struct made *out)
{
    *out = made_integer(between(x, low, high));
    return true;
}
/* clang-format on */

#define WHOLE(name, low, high)                                                                                         \
    static bool name(struct asking *x, const struct made *a, size_t count, struct made *out)                           \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        (void)count;                                                                                                   \
        return whole(x, low, high, out);                                                                               \
    }
WHOLE(age, 0, 100)
WHOLE(year, 1900, 2025)
WHOLE(month, 1, 12)
WHOLE(day, 1, 31)
WHOLE(hour, 0, 23)
WHOLE(minute, 0, 59)
WHOLE(second, 0, 59)
WHOLE(int_any, INT64_MIN, INT64_MAX)
WHOLE(int32_any, INT32_MIN, INT32_MAX)

static bool ends(struct asking *x, const struct made *a, size_t count, double out[2])
{
    for (size_t i = 0; i < count; i++)
        if (!made_number(x, &a[i], &out[i]) || !(fabs(out[i]) < 9e18))
            return made_fail(x, ERROR_INVALID, "faker's numbers lie between two numbers");
    return true;
}

static bool int_below(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double n[2] = {0};
    return ends(x, a, count, n) && whole(x, 0, n[0] >= 1 ? (int64_t)n[0] - 1 : 0, out);
}

static bool int_range(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double n[2];
    if (!ends(x, a, count, n))
        return false;
    return whole(x, (int64_t)fmin(n[0], n[1]), (int64_t)fmax(n[0], n[1]), out);
}

static bool real_range(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double n[2] = {0, 1};
    if (!ends(x, a, count, n))
        return false;
    *out = made_real(n[0] + (n[1] - n[0]) * random_unit(asking_random(x)));
    return true;
}

static bool narrow_range(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    bool ok = real_range(x, a, count, out);
    out->real = ok ? (double)(float)out->real : 0;
    return ok;
}

static bool price(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    bool ok = real_range(x, a, count, out);
    out->real = ok ? floor(out->real * 100) / 100 : 0;
    return ok;
}

static bool coordinate(struct asking *x, double edge, struct made *out)
{
    *out = made_real(round((random_unit(asking_random(x)) * 2 - 1) * edge * 1e6) / 1e6);
    return true;
}

static bool latitude(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)a;
    (void)count;
    return coordinate(x, 90, out);
}

static bool longitude(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)a;
    (void)count;
    return coordinate(x, 180, out);
}

static bool http_status(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    static const int codes[] = {200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 405, 409, 429, 500, 501, 502, 503};
    (void)a;
    (void)count;
    *out = made_integer(codes[random_below(asking_random(x), sizeof codes / sizeof codes[0])]);
    return true;
}

/* ---- the table ---- */

static const struct function fakers[] = {
    {"Person.FirstName", 0, 0, first_name, 0, true},
    {"Person.LastName", 0, 0, last_name, 0, true},
    {"Person.Name", 0, 0, full_name, 0, true},
    {"Person.Prefix", 0, 0, prefix, 0, true},
    {"Person.Suffix", 0, 0, suffix, 0, true},
    {"Person.Gender", 0, 0, gender, 0, true},
    {"Person.Age", 0, 0, age, 0, true},
    {"Contact.Email", 0, 0, email, 0, true},
    {"Contact.Phone", 0, 0, phone, 0, true},
    {"Contact.Username", 0, 0, username, 0, true},
    {"Contact.URL", 0, 0, url, 0, true},
    {"Geo.Country", 0, 0, country, 0, true},
    {"Geo.CountryCode", 0, 0, country_code, 0, true},
    {"Geo.City", 0, 0, city, 0, true},
    {"Geo.State", 0, 0, state, 0, true},
    {"Geo.StateCode", 0, 0, state_code, 0, true},
    {"Geo.Zip", 0, 0, zip, 0, true},
    {"Geo.Street", 0, 0, street, 0, true},
    {"Geo.Latitude", 0, 0, latitude, 0, true},
    {"Geo.Longitude", 0, 0, longitude, 0, true},
    {"Geo.TimeZone", 0, 0, time_zone, 0, true},
    {"Network.DomainName", 0, 0, domain_name, 0, true},
    {"Network.DomainSuffix", 0, 0, domain_suffix, 0, true},
    {"Network.IPv4", 0, 0, ipv4, 0, true},
    {"Network.IPv6", 0, 0, ipv6, 0, true},
    {"Network.MAC", 0, 0, mac, 0, true},
    {"Network.UserAgent", 0, 0, user_agent, 0, true},
    {"Network.HTTPMethod", 0, 0, http_method, 0, true},
    {"Network.HTTPStatusCode", 0, 0, http_status, 0, true},
    {"Company.Company", 0, 0, company, 0, true},
    {"Company.CompanySuffix", 0, 0, company_suffix, 0, true},
    {"Company.JobTitle", 0, 0, job_title, 0, true},
    {"Company.JobLevel", 0, 0, job_level, 0, true},
    {"Company.JobDescriptor", 0, 0, job_descriptor, 0, true},
    {"Commerce.ProductName", 0, 0, product_name, 0, true},
    {"Commerce.ProductCategory", 0, 0, product_category, 0, true},
    {"Commerce.ProductDescription", 0, 0, product_description, 0, true},
    {"Commerce.CurrencyLong", 0, 0, currency_long, 0, true},
    {"Commerce.CurrencyShort", 0, 0, currency_short, 0, true},
    {"Commerce.Price", 2, 2, price, 0, true},
    {"Text.Word", 0, 0, word, 0, true},
    {"Text.Sentence", 1, 1, sentence, 0, true},
    {"Text.Paragraph", 1, 1, paragraph, 0, true},
    {"Text.Phrase", 0, 0, phrase, 0, true},
    {"Text.Quote", 0, 0, quote, 0, true},
    {"Text.Question", 0, 0, question, 0, true},
    {"DateTime.Date", 0, 0, date, 0, true},
    {"DateTime.PastDate", 0, 0, past_date, 0, true},
    {"DateTime.FutureDate", 0, 0, future_date, 0, true},
    {"DateTime.Year", 0, 0, year, 0, true},
    {"DateTime.Month", 0, 0, month, 0, true},
    {"DateTime.Day", 0, 0, day, 0, true},
    {"DateTime.Hour", 0, 0, hour, 0, true},
    {"DateTime.Minute", 0, 0, minute, 0, true},
    {"DateTime.Second", 0, 0, second, 0, true},
    {"DateTime.WeekDay", 0, 0, week_day, 0, true},
    {"Number.Int", 0, 0, int_any, 0, true},
    {"Number.IntN", 1, 1, int_below, 0, true},
    {"Number.IntRange", 2, 2, int_range, 0, true},
    {"Number.Int32", 0, 0, int32_any, 0, true},
    {"Number.Int64", 0, 0, int_any, 0, true},
    {"Number.Float32", 0, 0, narrow_range, 0, true},
    {"Number.Float32Range", 2, 2, narrow_range, 0, true},
    {"Number.Float64", 0, 0, real_range, 0, true},
    {"Number.Float64Range", 2, 2, real_range, 0, true},
    {"Identity.UUID", 0, 0, uuid, 0, true},
    {"Identity.SSN", 0, 0, ssn, 0, true},
    {"Identity.EIN", 0, 0, ein, 0, true},
};

const struct function *faker_find(const char *name)
{
    for (size_t i = 0; i < sizeof fakers / sizeof fakers[0]; i++)
        if (strcmp(fakers[i].name, name) == 0)
            return &fakers[i];
    return NULL;
}
