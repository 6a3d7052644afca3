"""Claims as language models write them, true and false, against passages of everyday documents. They were written once, by hand, and
the check was not fitted to them: they tell how it does on words that it was not made for."""

from __future__ import annotations

from assistant.citing import cite
from assistant.types import Chunk, Hit

LEASE = (
    "Residential lease",
    "en",
    "The tenant shall pay a monthly rent of $1,450, due on the first day of each calendar month. A late fee of 5 % applies when "
    "payment is received after the fifth day. The security deposit equals two months' rent and is returned within 30 days after the "
    "tenant moves out. Pets are permitted only with the landlord's written consent. The landlord must give 24 hours' notice before "
    "entering the apartment, except in an emergency. Smoking is prohibited in all common areas.",
)
ENGINEER = (
    "Marta Lindqvist",
    "en",
    "Marta Lindqvist (14 May 1921 – 2 November 1998) was a Swedish civil engineer who designed more than forty bridges. Born in "
    "Gothenburg, she studied at Chalmers and joined the firm of Olof Brandt in 1947. Her best-known work, the Sandö crossing, opened "
    "in 1964 and spans 264 metres. Brandt had rejected her first proposal as too daring. She moved to Oslo in 1971, where she taught "
    "until her retirement. She never married and left her papers to the city archive.",
)
PUMP = (
    "Aqualine 300 manual",
    "en",
    "The Aqualine 300 pump delivers up to 3,600 litres per hour and draws 85 W. Do not run the pump dry. Clean the filter every four "
    "weeks; in hard water, clean it every two weeks. The motor switches off automatically when the water temperature exceeds 40 °C. "
    "The warranty covers defects in material for three years from the date of purchase but does not cover damage caused by frost.",
)
TRIAL = (
    "Ferritin trial",
    "en",
    "We enrolled 212 adults with iron deficiency at three hospitals in Leeds and Bradford. Patients who received the oral spray had a "
    "smaller rise in ferritin than those given tablets (18 versus 31 micrograms per litre). Nausea was reported by 12 % of the tablet "
    "group and by 3 % of the spray group. There was no difference in haemoglobin between the groups after twelve weeks. The study was "
    "funded by the National Health Service.",
)
REPORT = (
    "Annual report 2022",
    "en",
    "Revenue rose to 48.2 million euros in 2022, up from 41.7 million the year before. The Hamburg plant was closed in March and its "
    "130 employees were offered positions in Bremen. Operating profit fell by 6 % because of higher energy prices. The board proposes "
    "a dividend of 0.80 euros per share. Chief executive Ines Okafor will step down on 30 June 2023 and be succeeded by Paul Renard.",
)
CONGES = (
    "Règlement intérieur",
    "fr",
    "Les salariés disposent de 25 jours de congés payés par an. Toute absence doit être signalée au responsable avant 9 heures. Le "
    "télétravail est autorisé deux jours par semaine, sauf pendant la période d'essai. Les frais de transport sont remboursés à 75 %.",
)
BOLSAS = (
    "Regulamento de bolsas",
    "pt",
    "A bolsa tem o valor de 700 reais por mês e duração de doze meses. O aluno deve entregar um relatório até 15 de dezembro. A bolsa "
    "será cancelada se o aluno for reprovado em mais de uma disciplina. Não é permitido acumular duas bolsas.",
)

TRUE = [
    (LEASE, "Rent is $1450 per month and must be paid on the 1st"),
    (LEASE, "If you pay after the fifth of the month, you are charged a late fee of 5%"),
    (LEASE, "The deposit amounts to two months of rent"),
    (LEASE, "Your deposit will be returned to you within 30 days of moving out"),
    (LEASE, "You may keep a pet only if the landlord agrees in writing"),
    (LEASE, "Except in emergencies, the landlord has to announce a visit 24 hours in advance"),
    (LEASE, "Smoking is not allowed in the common areas"),
    (ENGINEER, "Lindqvist was born on May 14, 1921 and died on November 2, 1998"),
    (ENGINEER, "She was a civil engineer from Sweden who designed over 40 bridges"),
    (ENGINEER, "In 1947, Lindqvist joined Olof Brandt's firm"),
    (ENGINEER, "The Sandö crossing, which has a span of 264 m, was opened in 1964"),
    (ENGINEER, "Her first proposal was rejected by Brandt, who found it too daring"),
    (ENGINEER, "From 1971 on she lived in Oslo, teaching there until she retired"),
    (ENGINEER, "Her papers went to the city archive"),
    (PUMP, "The pump can deliver as much as 3600 liters an hour"),
    (PUMP, "Its power consumption is 85 watts"),
    (PUMP, "The pump must never run dry"),
    (PUMP, "Normally the filter should be cleaned every 4 weeks, but every 2 weeks if the water is hard"),
    (PUMP, "If the water gets warmer than 40 degrees, the motor turns itself off"),
    (PUMP, "Frost damage is not covered by the warranty"),
    (PUMP, "The warranty lasts three years from purchase"),
    (TRIAL, "The study included 212 iron-deficient adults from 3 hospitals"),
    (TRIAL, "Ferritin increased less with the spray than with tablets (18 vs. 31 µg/l)"),
    (TRIAL, "12 percent of patients taking tablets reported nausea, compared with 3 percent of those using the spray"),
    (TRIAL, "Haemoglobin did not differ between the two groups after 12 weeks"),
    (TRIAL, "The NHS (National Health Service) paid for the study"),
    (REPORT, "In 2022 revenue grew from 41.7 to 48.2 million euros"),
    (REPORT, "The plant in Hamburg closed in March, and its 130 workers were offered jobs in Bremen"),
    (REPORT, "Operating profit declined by six percent owing to higher energy prices"),
    (REPORT, "A dividend of €0.80 per share is proposed by the board"),
    (REPORT, "Paul Renard will take over from Ines Okafor as chief executive after June 30, 2023"),
    (CONGES, "Vous avez droit à vingt-cinq jours de congés payés chaque année"),
    (CONGES, "Il faut signaler toute absence à son responsable avant 9 h"),
    (CONGES, "Pendant la période d'essai, le télétravail n'est pas autorisé"),
    (CONGES, "L'entreprise rembourse 75 % des frais de transport"),
    (BOLSAS, "O valor da bolsa é de R$ 700 mensais, durante 12 meses"),
    (BOLSAS, "O relatório deve ser entregue até o dia 15 de dezembro"),
    (BOLSAS, "Quem for reprovado em mais de uma disciplina perde a bolsa"),
    (BOLSAS, "É proibido acumular duas bolsas"),
]
FALSE = [
    (LEASE, "Rent is $1,540 per month and must be paid on the 1st"),
    (LEASE, "A late fee of 5% applies when the rent is paid after the tenth day"),
    (LEASE, "The deposit amounts to three months of rent"),
    (LEASE, "The deposit is returned 30 days before the tenant moves out"),
    (LEASE, "Pets are permitted without the landlord's written consent"),
    (LEASE, "The tenant must give 24 hours' notice before the landlord enters the apartment"),
    (LEASE, "Smoking is permitted in all common areas"),
    (LEASE, "Tenants may sublet a room for up to six months"),
    (ENGINEER, "Lindqvist was born on 2 November 1921"),
    (ENGINEER, "She was a Norwegian civil engineer who designed more than forty bridges"),
    (ENGINEER, "Olof Brandt joined the firm of Marta Lindqvist in 1947"),
    (ENGINEER, "Lindqvist rejected Brandt's first proposal as too daring"),
    (ENGINEER, "The Sandö crossing opened in 1971 and spans 264 metres"),
    (ENGINEER, "She moved to Gothenburg in 1971, where she taught until her retirement"),
    (ENGINEER, "She designed fewer than forty bridges"),
    (ENGINEER, "She won the Prince Eugen Medal for her bridges"),
    (PUMP, "The pump delivers up to 3,600 litres per minute"),
    (PUMP, "The pump draws 85 kW"),
    (PUMP, "The pump may be run dry"),
    (PUMP, "In hard water, the filter has to be cleaned every four weeks"),
    (PUMP, "The motor switches on automatically when the water temperature exceeds 40 °C"),
    (PUMP, "The warranty covers damage caused by frost"),
    (PUMP, "The pump is made in Italy and can be used in salt water"),
    (TRIAL, "The study enrolled 212 children with iron deficiency"),
    (TRIAL, "Patients who received the oral spray had a larger rise in ferritin than those given tablets"),
    (TRIAL, "Nausea was reported by 12 % of the spray group"),
    (TRIAL, "There was a difference in haemoglobin between the groups after twelve weeks"),
    (TRIAL, "The study was funded by the Wellcome Trust"),
    (TRIAL, "The study took place at three hospitals in Leeds and Sheffield"),
    (REPORT, "Revenue fell to 48.2 million euros in 2022"),
    (REPORT, "Revenue rose to 48.2 billion euros in 2022"),
    (REPORT, "The Bremen plant was closed in March and its employees were offered positions in Hamburg"),
    (REPORT, "Operating profit rose by 6 % because of higher energy prices"),
    (REPORT, "The board proposes a dividend of 0.80 dollars per share"),
    (REPORT, "Paul Renard will step down and be succeeded by Ines Okafor"),
    (REPORT, "The company plans to open a new plant in Poland"),
    (CONGES, "Les salariés disposent de 30 jours de congés payés par an"),
    (CONGES, "Le télétravail est autorisé pendant la période d'essai"),
    (CONGES, "Toute absence doit être signalée après 9 heures"),
    (CONGES, "Les frais de repas sont remboursés à 75 %"),
    (BOLSAS, "A bolsa tem o valor de 700 reais por semana"),
    (BOLSAS, "É permitido acumular duas bolsas"),
    (BOLSAS, "A bolsa será mantida se o aluno for reprovado em mais de uma disciplina"),
    (BOLSAS, "O aluno deve entregar um relatório até 15 de novembro"),
]

Passage = tuple[str, str, str]
# As measured, of 39 and 44; it was 30 and 13 before the check looked at names, units and opposites.
LEAST_KEPT, LEAST_DROPPED = 31, 34


def is_kept(passage: Passage, claim: str) -> bool:
    title, language, text = passage
    hit = Hit(Chunk(1, "d", title, "d.txt", text, 0, len(text), 1, language=language), 1.0)
    return bool(cite(f"{claim} [1].", [hit], {"d": "v"}, language=language, page_of=lambda document, offset: 1).citations)


def test_most_true_claims_keep_their_mark() -> None:
    lost = [claim for passage, claim in TRUE if not is_kept(passage, claim)]
    assert len(TRUE) - len(lost) >= LEAST_KEPT, lost


def test_most_false_claims_lose_their_mark() -> None:
    passed = [claim for passage, claim in FALSE if is_kept(passage, claim)]
    assert len(FALSE) - len(passed) >= LEAST_DROPPED, passed
