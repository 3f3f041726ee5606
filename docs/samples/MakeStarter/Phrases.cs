namespace MakeStarter;

/// <summary>Numbers, times and dates in English and German words, and short sentences with them: a grammar of two languages, written for the sample Translate.</summary>
/// <param name="random">What is drawn from.</param>
internal sealed class Phrases(Random random)
{
    private static readonly string[] EnglishUnits =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] EnglishTens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    private static readonly string[] GermanUnits =
    [
        "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
    ];

    private static readonly string[] GermanTens = ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"];

    private static readonly string[] EnglishOrdinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth"];

    private static readonly (string English, string German)[] Months =
    [
        ("January", "Januar"), ("February", "Februar"), ("March", "März"), ("April", "April"), ("May", "Mai"), ("June", "Juni"), ("July", "Juli"),
        ("August", "August"), ("September", "September"), ("October", "Oktober"), ("November", "November"), ("December", "Dezember"),
    ];

    private static readonly (string English, string German)[] Days =
    [
        ("Monday", "Montag"), ("Tuesday", "Dienstag"), ("Wednesday", "Mittwoch"), ("Thursday", "Donnerstag"), ("Friday", "Freitag"), ("Saturday", "Samstag"), ("Sunday", "Sonntag"),
    ];

    private static readonly (string English, string German)[] Travels = [("train", "Zug"), ("bus", "Bus"), ("night train", "Nachtzug"), ("last bus", "letzte Bus"), ("first train", "erste Zug")];

    private static readonly (string English, string German)[] Events =
    [
        ("meeting", "Die Besprechung"), ("concert", "Das Konzert"), ("course", "Der Kurs"), ("party", "Das Fest"), ("exam", "Die Prüfung"), ("lecture", "Der Vortrag"), ("wedding", "Die Hochzeit"),
    ];

    private static readonly (string English, string German)[] Goods =
    [
        ("ticket", "Die Karte"), ("book", "Das Buch"), ("table", "Der Tisch"), ("lamp", "Die Lampe"), ("bicycle", "Das Fahrrad"), ("coat", "Der Mantel"), ("room", "Das Zimmer"),
    ];

    private static readonly (string English, string German)[] Counted =
        [("books", "Bücher"), ("apples", "Äpfel"), ("letters", "Briefe"), ("children", "Kinder"), ("pages", "Seiten"), ("minutes", "Minuten"), ("houses", "Häuser"), ("cups", "Tassen")];

    private static readonly (string English, string German)[] People =
        [("My brother", "Mein Bruder"), ("My sister", "Meine Schwester"), ("Our neighbour", "Unser Nachbar"), ("His mother", "Seine Mutter"), ("Her father", "Ihr Vater"), ("The teacher", "Die Lehrerin")];

    private static readonly (string English, string German)[] Qualities =
        [("new", "neu"), ("old", "alt"), ("beautiful", "schön"), ("here", "hier"), ("ready", "fertig"), ("far away", "weit weg"), ("not here", "nicht hier")];

    /// <summary>A number, a time, a day, a date, a year or a thing by itself, or in the simplest of sentences: what the starter learns.</summary>
    public (string English, string German) Phrase() => random.Next(18) switch
    {
        < 3 => Number(random.Next(2) == 0 ? random.Next(100) : random.Next(1000)),
        3 => Number(random.Next(10_000)),
        < 7 => Time(),
        7 => Date("der", "e"),
        8 => random.Next(2) == 0 ? On(Of(Days)) : DayAndDate(),
        9 => Year(),
        10 => Thing(),
        11 => Simple(Thing(), Of(Qualities)),
        _ => Simple(),
    };

    /// <summary>A sentence with such phrases in it, of a form that no phrase has: what the sample teaches.</summary>
    public (string English, string German) Sentence()
    {
        switch (random.Next(8))
        {
            case 0:
                ((string English, string German) travel, (string English, string German) time, (string English, string German) day) = (Of(Travels), Time(), Of(Days));
                return ($"The {travel.English} leaves on {day.English} at {time.English}.", $"Der {travel.German} fährt am {day.German} um {time.German} ab.");
            case 1:
                (travel, time) = (Of(Travels), Time());
                return ($"The {travel.English} arrives at {time.English}.", $"Der {travel.German} kommt um {time.German} an.");
            case 2:
                ((string English, string German) happening, (string English, string German) date) = (Of(Events), DayAndDate());
                return ($"The {happening.English} is {date.English}.", $"{happening.German} ist {date.German}.");
            case 3:
                (happening, time, day) = (Of(Events), Time(), Of(Days));
                return ($"The {happening.English} begins on {day.English} at {time.English}.", $"{happening.German} beginnt am {day.German} um {time.German}.");
            case 4:
                ((string English, string German) good, (string English, string German) price) = (Of(Goods), Number(random.Next(2, 1000)));
                return ($"The {good.English} costs {price.English} euros.", $"{good.German} kostet {price.German} Euro.");
            case 5:
                ((string English, string German) person, (string English, string German) age) = (Of(People), Number(random.Next(2, 100)));
                return ($"{person.English} is {age.English} years old.", $"{person.German} ist {age.German} Jahre alt.");
            case 6:
                ((string English, string German) someone, (string English, string German) year) = (Of(People), Year());
                return ($"{someone.English} was born in {year.English}.", $"{someone.German} wurde {year.German} geboren.");
            default:
                (person, date, time) = (Of(People), DayAndDate(), Time());
                return ($"{person.English} comes {date.English}, at {time.English}.", $"{person.German} kommt {date.German}, um {time.German}.");
        }
    }

    private (string English, string German) Thing()
    {
        if (random.Next(4) == 0) return Of(People);
        (string English, string German) thing = Of(random.Next(3) switch { 0 => Events, 1 => Goods, _ => [.. Travels.Select(travel => (travel.English, "Der " + travel.German))] });
        return ($"The {thing.English}", thing.German);
    }

    private static (string English, string German) Simple((string English, string German) thing, (string English, string German) quality) =>
        ($"{thing.English} is {quality.English}.", $"{thing.German} ist {quality.German}.");

    private (string English, string German) Simple()
    {
        ((string English, string German) time, (string English, string German) day) = (Time(), Of(Days));
        (string English, string German) number = Number(random.Next(2, random.Next(2) == 0 ? 100 : 1000)), counted = Of(Counted);
        switch (random.Next(10))
        {
            case 0: return ($"It is {time.English}.", $"Es ist {time.German}.");
            case 1: return ($"We meet on {day.English} at {time.English}.", $"Wir treffen uns am {day.German} um {time.German}.");
            case 2:
                (string English, string German) date = Date("der", "e");
                return ($"Today is {day.English}, {date.English}.", $"Heute ist {day.German}, {date.German}.");
            case 3: return ($"I have {number.English} {counted.English}.", $"Ich habe {number.German} {counted.German}.");
            case 4: return ($"There are {number.English} {counted.English} here.", $"Hier sind {number.German} {counted.German}.");
            case 5: return ($"The number {number.English} is new.", $"Die Zahl {number.German} ist neu.");
            case 6:
                (string English, string German) year = Year();
                return ($"We came here in {year.English}.", $"Wir kamen {year.German} hierher.");
            case 7:
                (string English, string German) dated = DayAndDate();
                return ($"The shop is closed {dated.English}, until {time.English}.", $"Das Geschäft ist {dated.German}, bis {time.German} geschlossen.");
            case 8: return ($"Call me on {day.English} at {time.English}.", $"Ruf mich am {day.German} um {time.German} an.");
            default:
                (string English, string German) thing = Thing();
                return ($"{thing.English} is here at {time.English}.", $"{thing.German} ist um {time.German} hier.");
        }
    }

    private (string English, string German) Of((string English, string German)[] words) => words[random.Next(words.Length)];

    private static (string English, string German) Number(int number) => (English(number), German(number));

    private static string English(int number) => number switch
    {
        < 20 => EnglishUnits[number],
        < 100 => EnglishTens[number / 10] + (number % 10 > 0 ? "-" + EnglishUnits[number % 10] : ""),
        < 1000 => $"{EnglishUnits[number / 100]} hundred" + (number % 100 > 0 ? " and " + English(number % 100) : ""),
        _ => $"{English(number / 1000)} thousand" + (number % 1000 == 0 ? "" : (number % 1000 < 100 ? " and " : " ") + English(number % 1000)),
    };

    private static string German(int number) => number switch
    {
        < 20 => GermanUnits[number],
        < 100 => (number % 10 > 0 ? Joined(number % 10) + "und" : "") + GermanTens[number / 10],
        < 1000 => Joined(number / 100) + "hundert" + (number % 100 > 0 ? German(number % 100) : ""),
        _ => Joined(number / 1000) + "tausend" + (number % 1000 > 0 ? German(number % 1000) : ""),
    };

    // "eins" loses its end before another word.
    private static string Joined(int number) => number == 1 ? "ein" : German(number);

    private (string English, string German) Time()
    {
        int hour = random.Next(1, 13), next = hour % 12 + 1;
        return random.Next(12) switch
        {
            0 => ($"{English(hour)} o'clock", $"{Joined(hour)} Uhr"),
            1 => ($"five past {English(hour)}", $"fünf nach {German(hour)}"),
            2 => ($"ten past {English(hour)}", $"zehn nach {German(hour)}"),
            3 => ($"a quarter past {English(hour)}", $"Viertel nach {German(hour)}"),
            4 => ($"twenty past {English(hour)}", $"zwanzig nach {German(hour)}"),
            5 => ($"twenty-five past {English(hour)}", $"fünf vor halb {German(next)}"),
            6 => ($"half past {English(hour)}", $"halb {German(next)}"),
            7 => ($"twenty-five to {English(next)}", $"fünf nach halb {German(next)}"),
            8 => ($"twenty to {English(next)}", $"zwanzig vor {German(next)}"),
            9 => ($"a quarter to {English(next)}", $"Viertel vor {German(next)}"),
            10 => ($"ten to {English(next)}", $"zehn vor {German(next)}"),
            _ => ($"five to {English(next)}", $"fünf vor {German(next)}"),
        };
    }

    private (string English, string German) Date(string article, string ending)
    {
        (string English, string German) month = Of(Months);
        int day = random.Next(1, month.English == "February" ? 29 : 31);
        string ordinal = day switch { 1 => "erst", 3 => "dritt", 7 => "siebt", 8 => "acht", < 20 => German(day) + "t", _ => German(day) + "st" };
        return ($"the {Ordinal(day)} of {month.English}", $"{article} {ordinal}{ending} {month.German}");
    }

    private static string Ordinal(int day) => day switch
    {
        <= 13 => EnglishOrdinals[day - 1],
        < 20 => EnglishUnits[day] + "th",
        20 => "twentieth",
        30 => "thirtieth",
        _ => $"twenty-{EnglishOrdinals[day % 10 - 1]}",
    };

    private static (string English, string German) On((string English, string German) day) => ($"on {day.English}", $"am {day.German}");

    private (string English, string German) DayAndDate()
    {
        ((string English, string German) day, (string English, string German) date) = (Of(Days), Date("dem", "en"));
        return ($"on {day.English}, {date.English}", $"am {day.German}, {date.German}");
    }

    private (string English, string German) Year()
    {
        int year = random.Next(1910, 2000), rest = year % 100;
        return ($"nineteen {English(rest)}", $"neunzehnhundert{German(rest)}");
    }
}
