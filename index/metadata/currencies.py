"""How people name currencies beside an amount: by a sign, a code of ISO 4217, or a word."""

_CODES = (
    "AED|AFN|ALL|AMD|AOA|ARS|AUD|AZN|BAM|BDT|BGN|BHD|BND|BOB|BRL|BWP|BYN|CAD|CDF|CHF|CLP|CNY|COP|CRC|CZK|DEM|DKK|"
    "DOP|DZD|EGP|ETB|EUR|FRF|GBP|GEL|GHS|HKD|HRK|HUF|IDR|ILS|INR|IQD|IRR|ISK|ITL|JMD|JOD|JPY|KES|KGS|KHR|KRW|KWD|"
    "KZT|LBP|LKR|LTL|LVL|LYD|MAD|MDL|MKD|MMK|MNT|MUR|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PEN|PHP|PKR|PLN|PYG|"
    "QAR|RMB|RON|RSD|RUB|RWF|SAR|SDG|SEK|SGD|SKK|SOS|SYP|THB|TJS|TMT|TND|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VES|"
    "VND|XAF|XOF|XPF|YER|ZAR|ZMW"
)
_WORDS = (
    r"(?:US|AU?|CA?|NZ|HK|NT|S|R)\$|S?Fr\.?|kr\.?|Kč|zł|Ft|lei|лв\.?|руб\.?|р\.|грн\.?|Rs\.?|Rp\.?|RM|TL|KM|din\.?|ct\.?"
    r"|euros?|dollars?|pounds?|francs?|yen|yuan|cents?|rupees?|円|元|원"
)
CURRENCY = rf"(?:{_CODES}|{_WORDS})"
"""A regular expression, for Python's and for Arrow's, of the codes and words; the case is to be ignored.

The signs, such as the one of the dollar, are the characters of the category Sc in Unicode.
"""
