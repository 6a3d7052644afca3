"""Words that mean the opposite of each other, for telling a passage that says the contrary of what is asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

_PAIRS = {
    "en": "more less, most least, increase decrease, increased decreased, increases decreases, rise fall, rising falling, before "
    "after, first last, largest smallest, larger smaller, high low, higher lower, highest lowest, north south, northern "
    "southern, east west, eastern western, northeast southwest, old new, older newer, oldest newest, early late, earlier "
    "later, earliest latest, begin end, began ended, beginning end, start stop, start end, started ended, maximum minimum, "
    "above below, over under, inside outside, include exclude, included excluded, allow prevent, allowed forbidden, permit "
    "prohibit, legal illegal, public private, male female, men women, man woman, father mother, son daughter, brother "
    "sister, king queen, win lose, won lost, victory defeat, positive negative, advantage disadvantage, strong weak, "
    "stronger weaker, hot cold, warm cool, fast slow, faster slower, long short, longer shorter, near far, support oppose, "
    "supported opposed, agree disagree, accept reject, accepted rejected, success failure, successful unsuccessful, "
    "possible impossible, same different, similar different, common rare, best worst, better worse, good bad, internal "
    "external, import export, major minor, majority minority, upper lower, left right, open closed, rich poor, alive dead, "
    "born died, true false, equal unequal, create destroy, created destroyed, built destroyed, gain lose, gained lost, add "
    "remove, added removed, arrive leave, arrived left, ancient modern, always never, all none, both neither, cheap "
    "expensive, easy difficult, simple complex, even odd, finite infinite, formal informal, direct indirect, dependent "
    "independent, official unofficial, popular unpopular, known unknown, rural urban, summer winter, day night, young old, "
    "youngest oldest, heavy light, wet dry, thick thin, wide narrow, deep shallow, attack defend, buy sell, bought sold, "
    "employer employee, teacher student",
    "fr": "plus moins, augmenter diminuer, augmente diminue, augmentation diminution, hausse baisse, avant après, premier "
    "dernier, première dernière, haut bas, haute basse, supérieur inférieur, supérieure inférieure, nord sud, est ouest, "
    "début fin, commence finit, maximum minimum, maximal minimal, inclus exclu, incluse exclue, légal illégal, public "
    "privé, publique privée, homme femme, hommes femmes, père mère, fils fille, frère sœur, roi reine, victoire défaite, "
    "avantage inconvénient, fort faible, forte faible, chaud froid, rapide lent, long court, longue courte, accepter "
    "refuser, accepté refusé, acceptée refusée, succès échec, possible impossible, meilleur pire, intérieur extérieur, "
    "importation exportation, majorité minorité, gauche droite, ouvert fermé, riche pauvre, naissance mort, vrai faux, "
    "créer détruire, créé détruit, ajouter supprimer, arrivée départ, toujours jamais, cher gratuit, facile difficile, "
    "direct indirect, connu inconnu, été hiver, jour nuit, jeune vieux, acheter vendre, achat vente",
    "pt": "mais menos, aumentar diminuir, aumenta diminui, aumento diminuição, alta baixa, alto baixo, antes depois, primeiro "
    "último, primeira última, maior menor, maiores menores, superior inferior, norte sul, leste oeste, início fim, começo "
    "fim, máximo mínimo, máxima mínima, incluído excluído, incluída excluída, legal ilegal, público privado, pública "
    "privada, homem mulher, homens mulheres, pai mãe, filho filha, irmão irmã, rei rainha, vitória derrota, vantagem "
    "desvantagem, forte fraco, forte fraca, quente frio, rápido lento, longo curto, longa curta, aceitar recusar, aceito "
    "recusado, sucesso fracasso, possível impossível, melhor pior, interno externo, interna externa, importação exportação, "
    "maioria minoria, esquerda direita, aberto fechado, rico pobre, nascimento morte, verdadeiro falso, criar destruir, "
    "adicionar remover, chegada partida, sempre nunca, caro barato, fácil difícil, direto indireto, conhecido desconhecido, "
    "verão inverno, dia noite, jovem velho, comprar vender, compra venda",
}
# Words that a statement may turn round but a question seldom asks about: for statements alone, so that questions are judged as before.
_STATED = {
    "en": "permitted prohibited, allowed prohibited, permitted forbidden, allowed banned, permit forbid, required optional, "
    "mandatory "
    "optional, mandatory voluntary, rose fell, rise drop, rose dropped, rose declined, increased declined, increased fell, grew "
    "shrank, grew fell, raised lowered, raised reduced, raise lower, raise reduce, expanded contracted, gained lost, approved "
    "rejected, approve reject, approved denied, granted denied, grant deny, agreed refused, agree refuse, more fewer, many few, "
    "fewest most, succeeded failed, succeed fail, win fail, enter leave, entered left, hired fired, profit loss, income expense, "
    "lend borrow, cause prevent, causes prevents, promote inhibit, promotes inhibits, stimulate inhibit, stimulates inhibits, "
    "activate inhibit, activates inhibits, upstream downstream, encourage discourage, encouraged discouraged, adult child, "
    "adults "
    "children, opened closed, opens closes, appointed dismissed, acquired sold, wet dry, likely unlikely, able unable, visible "
    "invisible, complete incomplete, dependent independent, wins loses, widely narrowly, softer harder, thicker thinner, lighter "
    "heavier, deeper shallower, improved worsened, improve worsen, faster slower, older younger, safe dangerous, domestic "
    "foreign, "
    "domestic international, temporary permanent, voluntary compulsory, optional compulsory, greater smaller, greater less, "
    "greater "
    "lower, higher less, exceed under, exceeds below, decreased grew, decreased rose, enabled disabled, enable disable, "
    "continued "
    "stopped, continue stop, accelerated slowed, keep abolish, kept abolished, introduced abolished, before until, ally enemy, "
    "allies "
    "enemies, friend enemy, peace war, hot cool, morning evening, sunrise sunset, asset liability, cancelled kept, present "
    "absent",
    "fr": "autorisé interdit, autorisée interdite, permis interdit, obligatoire facultatif, obligatoire facultative, augmenté "
    "diminué, "
    "accru réduit, grand petit, grande petite, plus moindre, meilleure pire, ancien nouveau, ancienne nouvelle, gagné perdu, "
    "gagne "
    "perd, augmente baisse, ouest est, occidental oriental, septentrional méridional, entrée sortie, commencement fin, ami "
    "ennemi, "
    "guerre paix, maintenu annulé, maintenue annulée, possible interdit, ouverte fermée, ouvert fermé",
    "pt": "permitido proibido, permitida proibida, obrigatório facultativo, obrigatória facultativa, aumentou diminuiu, cresceu "
    "caiu, "
    "ganhou perdeu, aprovado reprovado, aprovada reprovada, deferido indeferido, mantido cancelado, mantida cancelada, grande "
    "pequeno, grandes pequenos, antigo novo, antiga nova, após antes, entrada saída, amigo inimigo, guerra paz, autorizado "
    "proibido, autorizada proibida, vedado permitido, vedada permitida, melhores piores, dentro fora",
}
_WORD = re.compile(r"[^\W\d_]+")


def says_the_opposite(asked: str, sentence: str, around: str, language: str) -> bool:
    """Whether the sentence holds the opposite of a word that is asked about, and neither it nor the text `around` it holds the word.
    A question that names both ("the north or the south") is about neither; in a language without a list there are no opposites."""
    opposites = _opposites(language)
    words, held, nearby = (set(_WORD.findall(text.lower())) for text in (asked, sentence, around))
    return any(not (opposites.get(word, frozenset()) & held).issubset(words) for word in words - nearby)


def states_the_opposite(stated: str, sentence: str, language: str) -> bool:
    """Whether a statement has the opposite of a word of the sentence, where neither has both."""
    words, held = (set(_WORD.findall(text.lower())) for text in (stated, sentence))
    opposites = _opposites(language, stated=True)
    return any((opposites.get(word, frozenset()) & held) - words for word in words - held)


@cache
def _opposites(language: str, *, stated: bool = False) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    pairs = [_PAIRS.get(language, ""), _STATED.get(language, "") if stated else ""]
    for pair in ", ".join(pairs).split(", "):
        for word, opposite in _both_ways(pair.split()):
            found[word] = found.get(word, frozenset()) | {opposite}
    return found


def _both_ways(pair: list[str]) -> list[tuple[str, str]]:
    return [(pair[0], pair[1]), (pair[1], pair[0])] if len(pair) == 2 else []
