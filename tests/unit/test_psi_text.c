/* SPDX-License-Identifier: BSL-1.0 */
/* DVB text: a sample of each encoding, and what becomes of bytes that mean nothing. Run by the unit
 * test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/psi.h"

Suite *suite_psi_text(void);

#define TEXT(bytes)             \
    {                           \
        bytes, sizeof bytes - 1 \
    }

static const struct {
    struct {
        const char *bytes;
        size_t size;
    } in;
    const char *out;
} rows[] = {
    {TEXT("\x01\xc0\xde\xe1\xe1\xd8\xef"), "Россия"},
    {TEXT("\x02\xe2\xe6\xc7\xc9"), "قناة"},
    {TEXT("\x03\xc5\xeb\xeb\xdc\xe4\xe1"), "Ελλάδα"},
    {TEXT("\x04\xf2\xf8\xe5\xf5"), "ערוץ"},
    {TEXT("\x05\x54\x52\x54\x20\x4d\xfc\x7a\x69\x6b\x20\xf0\xfd\xfe"), "TRT Müzik ğış"},
    {TEXT("\x06\xb1\xbf\xb8"), "ąŋļ"},
    {TEXT("\x07\xe4\xb7\xc2"), "ไทย"},
    {TEXT("\x09\x4c\x69\x65\x74\x75\x76\x69\xf8"), "Lietuvių"},
    {TEXT("\x0a\xa8\x79\xf0"), "Ẁyŵ"},
    {TEXT("\x0b\xbc\x75\x76\x72\x65\x20\xa4"), "Œuvre €"},
    {TEXT("\x10\x00\x01\x53\x65\xf1\x61\x6c"), "Señal"},
    {TEXT("\x10\x00\x02\x54\x65\x6c\x65\x77\x69\x7a\x6a\x61\x20\xa6\x6c\xb1\x73\x6b\x61"),
     "Telewizja Śląska"},
    {TEXT("\x10\x00\x03\xa1\x61\x6c"), "Ħal"},
    {TEXT("\x10\x00\x04\xd3\xef\x6e\x61"), "Ķīna"},
    {TEXT("\x10\x00\x05\xc0\xde\xe1\xe1\xd8\xef"), "Россия"},
    {TEXT("\x10\x00\x06\xe2\xe6\xc7\xc9"), "قناة"},
    {TEXT("\x10\x00\x07\xc5\xeb\xeb\xdc\xe4\xe1"), "Ελλάδα"},
    {TEXT("\x10\x00\x08\xf2\xf8\xe5\xf5"), "ערוץ"},
    {TEXT("\x10\x00\x09\x54\x52\x54\x20\x4d\xfc\x7a\x69\x6b\x20\xf0\xfd\xfe"), "TRT Müzik ğış"},
    {TEXT("\x10\x00\x0a\xb1\xbf\xb8"), "ąŋļ"},
    {TEXT("\x10\x00\x0b\xe4\xb7\xc2"), "ไทย"},
    {TEXT("\x10\x00\x0d\x4c\x69\x65\x74\x75\x76\x69\xf8"), "Lietuvių"},
    {TEXT("\x10\x00\x0e\xa8\x79\xf0"), "Ẁyŵ"},
    {TEXT("\x10\x00\x0f\xbc\x75\x76\x72\x65\x20\xa4"), "Œuvre €"},
    {TEXT("\x11\x4e\x2d\x59\x2e\x75\x35\x89\xc6\x53\xf0"), "中央电视台"},
    {TEXT("\x15\xe6\x97\xa5\xe6\x9c\xac\x20\xc3\xbc\x62\x65\x72"), "日本 über"},
    {TEXT("plain ASCII 123"), "plain ASCII 123"},
    {TEXT("caf\xc2"
          "e \xc8"
          "u \xa4 \xe1\xf1"),
     "café ü € Ææ"},
    {TEXT("\xc2"
          "z q\xc2"
          "q"),
     "ź qq\xcc\x81"}, /* no such letter: a combining mark */
    {TEXT("ends in a mark \xc2"), "ends in a mark \\xc2"},
    {TEXT("\x86"
          "bold\x87 two\x8alines"),
     "bold two lines"},
    {TEXT("\x01\x86\xb0\x87\x8a\xb0"), "А А"},
    {TEXT("\x11\xe0\x86\x00"
          "A\xe0\x8a\x00"
          "B\xe0\x87"),
     "A B"},
    {TEXT("\x15"
          "A\xee\x82\x8a"
          "B\xee\x82\x86"),
     "A B"},
    {TEXT("\x12\xb0\xa1"), "\\x12\\xb0\\xa1"}, /* Korean: no table */
    {TEXT("\x10\x00\x0c"
          "A"),
     "\\x10\\x00\\x0c\\x41"},
    {TEXT("\x10"), "\\x10"},
    {TEXT("\x11\xd8\x00\x00\x07\x00"
          "C\x01"),
     "\\xd8\\x00\\x00\\x07C\\x01"},
    {TEXT("\x15\xff\xc0\x80\xed\xa0\x80\xf5\xe2\x82"),
     "\\xff\\xc0\\x80\\xed\\xa0\\x80\\xf5\\xe2\\x82"},
    {TEXT("\x15\xf0\x9f\x93\xba\x07"), "📺\\x07"},
    {TEXT("a\x1b[2J\x7f\x9b"), "a\\x1b[2J\\x7f\\x9b"},
    {TEXT(""), ""},
};

START_TEST(each_encoding_becomes_utf8)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[200];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        simc_dvb_text(&out, simc_slice(rows[i].in.bytes, rows[i].in.size));
        ck_assert_int_eq(out.error, 0);
        ck_assert_msg(simc_slice_equal(simc_slice(bytes, out.at), simc_slice_text(rows[i].out)),
                      "row %zu: %.*s", i, (int)out.at, (const char *)bytes);
    }
}
END_TEST

START_TEST(utf8_goes_there_and_back)
{
    static const char *const texts[] = {"", "News 24", "Première €", "日本", "📺"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t wire[100], back[100];
        struct simc_writer out = simc_writer(wire, sizeof wire);
        simc_dvb_text_put(&out, simc_slice_text(texts[i]));
        struct simc_writer again = simc_writer(back, sizeof back);
        simc_dvb_text(&again, simc_slice(wire, out.at));
        ck_assert(simc_slice_equal(simc_slice(back, again.at), simc_slice_text(texts[i])));
    }
}
END_TEST

/* Two bytes behind every selector: what comes out is always printable. */
START_TEST(any_bytes_become_clean_text)
{
    for (unsigned value = 0; value < 0x20 * 0x10000u; value += 1 + value % 7) {
        const uint8_t in[4] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value, 0};
        uint8_t bytes[64];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        simc_dvb_text(&out, simc_slice(in, sizeof in));
        ck_assert_int_eq(out.error, 0);
        for (size_t i = 0; i < out.at; i++)
            ck_assert(bytes[i] >= 0x20 && bytes[i] != 0x7f);
    }
}
END_TEST

Suite *suite_psi_text(void)
{
    Suite *suite = suite_create("psi text");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, each_encoding_becomes_utf8);
    tcase_add_test(tests, utf8_goes_there_and_back);
    tcase_add_test(tests, any_bytes_become_clean_text);
    suite_add_tcase(suite, tests);
    return suite;
}
