#include "reports/html.h"

__asm__(".section .rodata\n"
        "report_css_begin_:\n"
        ".incbin \"" REPORT_ASSETS "/report.css\"\n"
        "report_css_end_:\n"
        "report_spans_css_begin_:\n"
        ".incbin \"" REPORT_ASSETS "/spans.css\"\n"
        "report_spans_css_end_:\n"
        "report_js_begin_:\n"
        ".incbin \"" REPORT_ASSETS "/report.js\"\n"
        "report_js_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t report_css_begin_[], report_css_end_[], report_spans_css_begin_[], report_spans_css_end_[],
    report_js_begin_[], report_js_end_[];

struct bytes report_asset_css(void)
{
    return BYTES(report_css_begin_, (size_t)(report_css_end_ - report_css_begin_));
}

struct bytes report_asset_spans_css(void)
{
    return BYTES(report_spans_css_begin_, (size_t)(report_spans_css_end_ - report_spans_css_begin_));
}

struct bytes report_asset_js(void)
{
    return BYTES(report_js_begin_, (size_t)(report_js_end_ - report_js_begin_));
}
