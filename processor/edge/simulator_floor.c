/* What every floor is made of: cities, people, sources, products, stages. Prices in rupiah without VAT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/simulator_inside.h"

static const struct sim_city cities[SIM_TEAMS_MAX] = {
	{ "jakarta", "Jakarta", "Jawa" },
	{ "bandung", "Bandung", "Jawa" },
	{ "surabaya", "Surabaya", "Jawa" },
	{ "medan", "Medan", "Sumatra" },
	{ "semarang", "Semarang", "Jawa" },
	{ "makassar", "Makassar", "Sulawesi" },
	{ "denpasar", "Denpasar", "Bali" },
	{ "balikpapan", "Balikpapan", "Kalimantan" },
};

static const char *const first_names[] = {
	"Budi",
	"Siti",
	"Agus",
	"Dewi",
	"Andi",
	"Rina",
	"Joko",
	"Putri",
	"Rizky",
	"Ayu",
	"Dimas",
	"Fitri",
	"Hendra",
	"Lestari",
	"Yusuf",
	"Wulan",
	"Bayu",
	"Indah",
	"Fajar",
	"Ratna",
	"Eko",
	"Maya",
	"Arif",
	"Nurul",
	"Gilang",
	"Sari",
	"Teguh",
	"Intan",
	"Wahyu",
	"Citra",
	"Galih",
	"Kartika",
	"Made",
	"Ketut",
	"Asep",
	"Ningsih",
	"Bambang",
	"Tuti",
	"Reza",
	"Melati",
};
static const char *const last_names[] = {
	"Santoso",
	"Wijaya",
	"Pratama",
	"Saputra",
	"Hidayat",
	"Nugroho",
	"Kusuma",
	"Siregar",
	"Nasution",
	"Simanjuntak",
	"Lubis",
	"Setiawan",
	"Permana",
	"Ramadhan",
	"Hakim",
	"Suryadi",
	"Gunawan",
	"Maulana",
	"Firmansyah",
	"Utami",
	"Anggraini",
	"Rahmawati",
	"Puspita",
	"Wibowo",
	"Susanto",
	"Halim",
	"Tanuwijaya",
	"Situmorang",
	"Harahap",
	"Manurung",
	"Putra",
	"Cahyono",
	"Purnomo",
	"Sutrisno",
	"Yulianto",
	"Iskandar",
	"Mahendra",
	"Sudrajat",
	"Fauzi",
	"Hutapea",
};
enum { NAME_COUNT = 40 };

static const char *const company_names[] = {
	"nusantara-niaga",
	"garuda-sentosa",
	"merapi-mitra",
	"sinar-borneo",
	"bahari-tekno",
	"cendana-prima",
	"rajawali-solusi",
	"mutiara-timur",
	"khatulistiwa-data",
	"anggrek-mandiri",
	"samudra-karya",
	"teratai-usaha",
};
enum { COMPANY_COUNT = sizeof(company_names) / sizeof(company_names[0]) };

const struct sim_source sim_sources[] = {
	{ "whatsapp", 24, 34, 0.46, NULL },
	{ "instagram", 21, 38, 0.34, "ig-promo-gajian" },
	{ "website", 17, 18, 0.42, NULL },
	{ "referral", 11, 3, 0.68, NULL },
	{ "tokopedia", 9, 14, 0.38, "toko-flash" },
	{ "google_ads", 9, 9, 0.33, "ads-kasir-umkm" },
	{ "event", 6, 0, 0.44, "expo-umkm" },
	{ "walk_in", 3, 0, 0.60, NULL },
};
const unsigned sim_source_count = sizeof(sim_sources) / sizeof(sim_sources[0]);

const struct sim_product sim_products[] = {
	{ "kasir-android", "perangkat", 4250000, 26, 6, 18 },
	{ "paket-cctv-8", "perangkat", 9800000, 14, 3, 22 },
	{ "laptop-bisnis", "perangkat", 12500000, 12, 8, 9 },
	{ "server-rak-2u", "perangkat", 85000000, 3, 2, 12 },
	{ "lisensi-kasir-tahunan", "perangkat_lunak", 3600000, 24, 10, 71 },
	{ "lisensi-gudang-tahunan", "perangkat_lunak", 14400000, 10, 3, 68 },
	{ "crm-pro-tahunan", "perangkat_lunak", 18000000, 8, 2, 74 },
	{ "internet-dedicated", "layanan", 24000000, 6, 1, 31 },
	{ "kontrak-servis-tahunan", "layanan", 7500000, 12, 2, 45 },
	{ "pelatihan-tim", "layanan", 15000000, 6, 2, 52 },
};
const unsigned sim_product_count = sizeof(sim_products) / sizeof(sim_products[0]);

/* The codes sort in the order of the funnel, as those of many CRMs do. */
const struct sim_stage sim_stages[SIM_STAGE_LOST + 1] = {
	{ "10-prospek", "Prospek", 1, 1000, 0.84, 26 * SIM_HOUR },
	{ "20-kualifikasi", "Kualifikasi", 2, 2500, 0.80, 40 * SIM_HOUR },
	{ "30-penawaran", "Penawaran", 3, 5000, 0.74, 62 * SIM_HOUR },
	{ "40-negosiasi", "Negosiasi", 4, 7500, 0.68, 48 * SIM_HOUR },
	[SIM_STAGE_WON] = { "90-menang", "Menang", 9, 10000, 0, 0 },
	[SIM_STAGE_LOST] = { "99-kalah", "Kalah", 10, 0, 0, 0 },
};

const char *const sim_lost_reasons[] = { "harga", "pesaing", "anggaran", "tidak_merespons",
	"ditunda", "fitur" };
const unsigned sim_lost_reason_count = sizeof(sim_lost_reasons) / sizeof(sim_lost_reasons[0]);
const char *const sim_bad_reasons[] = { "tidak_butuh", "anggaran", "bukan_pengambil_keputusan",
	"di_luar_wilayah", "spam" };
const unsigned sim_bad_reason_count = sizeof(sim_bad_reasons) / sizeof(sim_bad_reasons[0]);

const struct sim_city *sim_city(uint32_t team)
{
	return &cities[team % SIM_TEAMS_MAX];
}

/* «budi.santoso»: as an account in a CRM. */
static void rep_name(struct sim_rep *rep, uint32_t tenant, uint32_t number)
{
	rep->first = first_names[(number * 7 + tenant * 13) % NAME_COUNT];
	rep->last = last_names[(number * 11 + number / NAME_COUNT + tenant * 17) % NAME_COUNT];
	int length = snprintf(rep->id, sizeof(rep->id), "%s.%s", rep->first, rep->last);

	for (int i = 0; i < length; i++)
		if (rep->id[i] >= 'A' && rep->id[i] <= 'Z')
			rep->id[i] = (char)(rep->id[i] - 'A' + 'a');
}

/* The roster is the company's, not the seed's: a second run with another seed goes on with the same people. */
static void rep_init(struct sim_rep *rep, struct sim_tenant *tenant, uint32_t number,
	uint32_t rep_number, int64_t from_ms)
{
	struct rng rng;

	rng_init(&rng, number * 7919 + rep_number);
	rep_name(rep, number, rep_number);
	rep->team = (uint16_t)(rep_number % tenant->team_count);
	rep->team_before = SIM_NOBODY;
	rep->is_manager =
		rep_number < tenant->team_count && tenant->rep_count >= 4U * tenant->team_count;
	rep->is_silent = !rep->is_manager && tenant->rep_count >= 10 && rep_number % 17 == 16;
	rep->active_from = (int32_t)(from_ms / SIM_DAY) - 60 - (int32_t)rng_below(&rng, 1500);
	rep->skill = 0.7 + 0.6 * rng_unit(&rng);
}

void sim_tenant_init(
	struct sim_tenant *tenant, uint32_t number, const struct simulator_settings *settings)
{
	memset(tenant, 0, sizeof(*tenant));
	uint32_t round = number / COMPANY_COUNT;
	if (round == 0)
		snprintf(tenant->id, sizeof(tenant->id), "%s", company_names[number]);
	else
		snprintf(tenant->id, sizeof(tenant->id), "%s-%u",
			company_names[number % COMPANY_COUNT], round + 1);
	snprintf(tenant->source, sizeof(tenant->source), "%s:%s",
		number % 2 ? "hubspot" : "salesforce", tenant->id);

	const struct tenant_settings *known =
		tenant_book_find(settings->book, slice_of(tenant->id));
	tenant->zone = settings->book->calendars[known->calendar].zone;
	tenant->rep_count = (uint16_t)settings->reps;
	uint32_t teams = settings->reps / 5;
	tenant->team_count = (uint16_t)(teams < 1		? 1
					: teams > SIM_TEAMS_MAX ? SIM_TEAMS_MAX
								: teams);
	tenant->reps = x_calloc(settings->reps, sizeof(*tenant->reps));
	tenant->sellers = x_calloc(settings->reps, sizeof(*tenant->sellers));
	for (uint32_t i = 0; i < settings->reps; i++) {
		rep_init(&tenant->reps[i], tenant, number, i, settings->from_ms);
		if (!tenant->reps[i].is_manager && !tenant->reps[i].is_silent)
			tenant->sellers[tenant->seller_count++] = (uint16_t)i;
	}
	double day_ms = sim_load_of_day() * (double)SIM_HOUR;
	tenant->leads_per_ms = settings->leads_per_rep_day * tenant->seller_count / day_ms;
	tenant->calls_per_ms = tenant->leads_per_ms * 0.5;
	/* Another seed is another set of ids, so that two runs into one topic don't meet. */
	uint32_t base = (uint32_t)(settings->seed * 10000000 % 4000000000);
	tenant->leads = tenant->opportunities = tenant->deals = tenant->calls = tenant->accounts =
		base;
}

void sim_tenant_deinit(struct sim_tenant *tenant)
{
	free(tenant->reps);
	free(tenant->sellers);
}
